"""What the public is told, one file for each edition, in both languages; a site's own stand in its folder."""
