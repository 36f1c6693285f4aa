"""Run directories: settings, resuming, presets, curves."""
