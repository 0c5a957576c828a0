"""Stands in for Heroku: dyno types, their limits, the router in front."""
