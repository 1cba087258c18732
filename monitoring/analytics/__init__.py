"""What telemetry says beyond itself. Pure: columns in, findings out."""
