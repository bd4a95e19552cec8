"""The user's own images and masks, from two folders of files."""
