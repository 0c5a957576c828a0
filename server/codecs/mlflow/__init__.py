"""MLflow's scoring protocol: from headers and tables to entries. Pure."""
