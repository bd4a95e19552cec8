"""The user's own scans: .npz files, read, checked and written."""
