# The environment of requirements.lock in a container. Not built by this project's tests.
#   docker build -t steer . && docker run --rm -v "$PWD/results:/steer/results" steer --cores 2
FROM python:3.11-slim
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /steer
COPY requirements.lock ./
# CPU wheels of torch; leave the index out for CUDA's.
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu --requirement requirements.lock
COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable .
ENTRYPOINT ["snakemake"]
CMD ["--cores", "2"]
