// Node: net, and setTimeout for each delayed reply.
"use strict";
const net = require("net");

const hold = Number(process.argv[2]);

const server = net.createServer({ noDelay: true }, (socket) => {
  socket.on("error", () => socket.destroy());
  socket.on(
    "data",
    hold
      ? (data) => setTimeout(() => socket.write(data), hold)
      : (data) => socket.write(data),
  );
});

server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () =>
  console.log(server.address().port),
);
