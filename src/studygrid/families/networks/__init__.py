"""What networks of several families need: starting weights, and the check of their shapes."""
