"""Tables of a study, in the formats that people open."""
