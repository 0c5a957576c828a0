"""Clusters for the tests on Ray; importing it chooses the ingress, which Serve reads when it is imported."""

import os

os.environ.update(
    RAY_SERVE_ENABLE_HA_PROXY="1",
    RAY_SERVE_THROUGHPUT_OPTIMIZED="1",
    RAY_SERVE_HAPROXY_RETRY_ON="conn-failure empty-response",
    RAY_SERVE_HAPROXY_NBTHREAD="1",
    RAY_USAGE_STATS_ENABLED="0",
    RAY_ENABLE_UV_RUN_RUNTIME_ENV="0",
)
