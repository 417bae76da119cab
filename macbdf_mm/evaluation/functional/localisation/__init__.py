"""Where in time a clip is fake: proposals from step scores, and how well they fit."""
