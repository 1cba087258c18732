"""Heartbeats: jobs that say they are alive, in Healthchecks's wire format."""
