"""What a study still costs: jobs to do, hours, disk, each with a range, from what was measured."""
