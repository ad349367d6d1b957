# The documentation page's script, checked against its pinned sum.
FROM node:22-bookworm-slim AS redoc
WORKDIR /src
COPY scripts/redoc scripts/redoc
RUN mkdir -p adapters/http/assets && scripts/redoc

# The speech engine and its model, checked against their pinned sums.
FROM node:22-bookworm-slim AS speech
WORKDIR /src
COPY scripts/speech scripts/speech
RUN scripts/speech

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=redoc /src/adapters/http/assets/redoc.standalone.js adapters/http/assets/
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /ticketd ./cmd/ticketd

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        ca-certificates ffmpeg libatomic1 pocketsphinx pocketsphinx-en-us poppler-utils tesseract-ocr tesseract-ocr-eng tesseract-ocr-osd \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 ticketd \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin ticketd \
    && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /ticketd /usr/local/bin/ticketd
COPY --from=speech /src/engines/vosk /usr/local/share/ticketd/vosk
ENV DATA_DIR=/data SPEECH_DIR=/usr/local/share/ticketd/vosk
VOLUME /data
USER 10001:10001
EXPOSE 8000 8001
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["ticketd", "health"]
ENTRYPOINT ["ticketd"]
CMD ["serve"]
