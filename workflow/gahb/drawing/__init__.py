"""Common parts of figures: the style sheet, panels, the stores from which they are drawn, pages."""
