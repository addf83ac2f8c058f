"""When networks memorize their training set: along training, and predicted from the data alone."""
