// node-redis or ioredis at work on a node that lives and on one that dies. See README.md.
//
// usage: node client.mjs redis|ioredis LIVING_PORT DYING_PORT
const [library, living, dying] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const pipelineLength = 20;
const report = {
  counter: 0, transactions: 0, published: 0, received: [], dying: 0, unanswered: 0, errors: [],
};
let stopped = false;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const check = (fact, text) => { if (!fact) report.errors.push(text); };

// The few calls in which the two libraries differ.
async function connectRedis(port) {
  const { createClient } = await import("redis");
  const client = createClient({ socket: { host: "127.0.0.1", port, reconnectStrategy: 20 } });
  client.on("error", () => {}); // the commands tell
  await client.connect();
  return {
    incr: (key) => client.incr(key),
    // Not awaited one by one: the library sends them together.
    pipeline: (key, count) => Promise.all(Array.from({ length: count }, () => client.incr(key))),
    transaction: (number) => client.multi().incr("transactions:redis")
      .rPush("queue:redis", String(number))
      .hSet("map:redis", `field${number}`, String(number)).exec(),
    set: (key, value) => client.set(key, value),
    get: (key) => client.get(key),
    publish: (channel, text) => client.publish(channel, text),
    subscribe: (channel, hear) => client.subscribe(channel, hear),
    end: () => client.destroy(),
  };
}

async function connectIoredis(port) {
  const { Redis } = await import("ioredis");
  // Commands without an answer are told as such and not sent again: an INCR might count twice.
  const client = new Redis({
    host: "127.0.0.1", port, autoResendUnfulfilledCommands: false, enableOfflineQueue: false,
    retryStrategy: () => 20, lazyConnect: true,
  });
  client.on("error", () => {});
  await client.connect();
  const answers = (pairs) => pairs.map(([error, reply]) => { if (error) throw error; return reply; });
  return {
    incr: (key) => client.incr(key),
    pipeline: async (key, count) => {
      const pipeline = client.pipeline();
      for (let i = 0; i < count; i++) pipeline.incr(key);
      return answers(await pipeline.exec());
    },
    transaction: async (number) => answers(await client.multi().incr("transactions:ioredis")
      .rpush("queue:ioredis", String(number))
      .hset("map:ioredis", `field${number}`, String(number)).exec()),
    set: (key, value) => client.set(key, value),
    get: (key) => client.get(key),
    publish: (channel, text) => client.publish(channel, text),
    subscribe: async (channel, hear) => {
      client.on("message", (_, text) => hear(text));
      await client.subscribe(channel);
    },
    end: () => client.disconnect(),
  };
}

const connect = library === "redis" ? connectRedis : connectIoredis;

async function countOnDying() {
  const client = await connect(dying);
  while (!stopped) {
    try {
      await client.incr(`dying:${library}`);
      report.dying++;
    } catch (error) {
      // The node says that it did nothing, or the library that it has sent nothing.
      const idle = /^(CLUSTERDOWN|LOADING)|Stream isn't writeable/;
      if (!idle.test(error.message)) report.unanswered++;
      await pause(10);
    }
  }
  client.end();
}

async function workOnce(client) {
  let replies = await client.pipeline(`counter:${library}`, pipelineLength);
  const expected = Array.from({ length: pipelineLength }, (_, i) => report.counter + 1 + i);
  check(String(replies) === String(expected), `a pipeline after ${report.counter}: ${replies}`);
  report.counter += pipelineLength;

  replies = await client.transaction(report.transactions);
  report.transactions++;
  const { transactions } = report;
  check(String(replies) === String([transactions, transactions, 1]),
    `transaction ${transactions}: ${replies}`);

  await client.set(`record:${library}`, String(report.counter));
  const got = await client.get(`record:${library}`);
  check(Number(got) === report.counter, `read ${got} after writing ${report.counter}`);

  const receivers = await client.publish("news", String(report.published));
  check(receivers === 1, `${receivers} receivers of message ${report.published}`);
  report.published++;
}

async function main() {
  const client = await connect(living);
  const subscriber = await connect(living);
  await subscriber.subscribe("news", (text) => report.received.push(Number(text)));
  process.stdin.resume();
  process.stdin.on("end", () => { stopped = true; });
  const counting = countOnDying();
  try {
    while (!stopped) {
      await workOnce(client);
      console.log("progress");
    }
  } catch (error) {
    report.errors.push(String(error));
    stopped = true;
  }
  for (let i = 0; i < 1000 && report.received.length < report.published; i++) await pause(10);
  await counting;
  check(report.received.every((number, i) => number === i) &&
    report.received.length === report.published, "messages got lost or mixed up");
  report.received = report.received.length;
  client.end();
  subscriber.end();
  console.log(JSON.stringify(report));
}

await main();
process.exit(0);
