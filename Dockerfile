# The web server alone, as a dyno has it: requirements.txt by hash, server/ and models/. No scikit-learn, no pickle, no pip.
FROM python:3.13-slim AS packages
WORKDIR /app
COPY requirements.txt .
RUN python -m venv --without-pip /venv && python -m pip --python /venv/bin/python install --no-cache-dir --require-hashes -r requirements.txt
COPY server server
RUN /venv/bin/python -m compileall -q --invalidation-mode unchecked-hash server

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home dynonnx
WORKDIR /app
COPY --from=packages /venv /venv
COPY --from=packages /app/server server
COPY --chown=10001 models models
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PORT=8000
USER 10001
EXPOSE 8000
HEALTHCHECK --start-period=10s CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health', timeout=2)"]
STOPSIGNAL SIGTERM
CMD ["python", "-m", "server"]
