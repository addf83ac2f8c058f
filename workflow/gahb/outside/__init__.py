"""What comes from outside the project: packages of the extra, and functions of the user's."""
