"""Losses, tasks, schedules and callbacks; imports no model."""
