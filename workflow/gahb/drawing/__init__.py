"""What figures share: the style sheet, panels, the stores that they are drawn from, pages."""
