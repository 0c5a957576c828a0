"""Clusters for the tests on Ray; importing it chooses Serve's ingress, which is read when Serve is imported."""

import os
import tempfile
import warnings

from tests.support.integration.running import free_port

_place = tempfile.TemporaryDirectory(prefix="haproxy-")
os.environ.update(
    RAY_SERVE_ENABLE_HA_PROXY="1",
    RAY_SERVE_THROUGHPUT_OPTIMIZED="1",
    RAY_SERVE_HAPROXY_RETRY_ON="conn-failure empty-response",
    RAY_SERVE_HAPROXY_NBTHREAD="1",
    RAY_SERVE_HAPROXY_METRICS_PORT=str(free_port()),
    RAY_SERVE_HAPROXY_STATS_PORT=str(free_port()),
    RAY_SERVE_HAPROXY_SOCKET_PATH=f"{_place.name}/admin.sock",
    RAY_SERVE_HAPROXY_CONFIG_FILE_LOC=f"{_place.name}/haproxy.cfg",
    RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S="3",  # within which the ingress hears that a replica leaves
    RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S="60",  # this machine may be busy
    RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S="60",
    RAY_SERVE_HAPROXY_STARTUP_TIMEOUT_S="120",
    RAY_USAGE_STATS_ENABLED="0",
)

with warnings.catch_warnings(action="ignore"):  # of Ray's own
    from ray import serve as serve
