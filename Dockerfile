# The server with its own PostgreSQL, as an ordinary user. Everything it writes goes to /data, so the root file system
# may be read-only:
#   docker run --init --read-only --tmpfs /tmp -p 8025:8025 -v mailquay:/data mailquay
# With DATABASE_URL it uses that PostgreSQL instead. Started as another user (--user), /data must belong to that user,
# who needs an entry in /etc/passwd for the built-in PostgreSQL.

FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json build.ts ./
COPY src ./src
# The image has Node already: the copy that npm brings for older machines stays out.
RUN node build.ts && npm prune --omit=dev && rm -rf node_modules/node-linux-* node_modules/.bin

FROM node:24-slim
ENV NODE_ENV=production \
    MAILQUAY_HOST=0.0.0.0 \
    MAILQUAY_PORT=8025 \
    MAILQUAY_DATA_DIR=/data
WORKDIR /app
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY package.json ./
COPY bin ./bin
RUN install -d -o node -g node -m 0700 /data
USER node
VOLUME /data
EXPOSE 8025
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.MAILQUAY_PORT}/readyz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/bin/mailquay.js"]
CMD ["start"]
