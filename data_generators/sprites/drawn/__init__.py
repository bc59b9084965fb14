"""Characters drawn by this project, so that the experiment needs no files."""
