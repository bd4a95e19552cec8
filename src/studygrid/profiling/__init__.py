"""What inference costs: time, memory and operations, measured on one device without company."""
