// A server of Node's that says hello. Prints its port; at SIGTERM, how many requests it was asked.
const http = require("http");

let requests = 0;
const server = http.createServer((request, response) => {
  requests++;
  response.end("hello\n");
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.on("SIGTERM", () => {
  console.log(requests);
  process.exit(0);
});
