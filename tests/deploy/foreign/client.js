// A BACnet client of another make. `node client.js OWN_PORT HOST:PORT COMMAND ...` prints one JSON value.
"use strict";
const Bacnet = require("node-bacnet");
const { PropertyIdentifier: P, ApplicationTag: T, ObjectType: O } = Bacnet.enum;

const [port, address, command, ...words] = process.argv.slice(2);
const device = { address };
const client = new Bacnet({ interface: "127.0.0.1", port: Number(port), apduTimeout: 5000 });
const types = { "analog-input": O.ANALOG_INPUT, "analog-output": O.ANALOG_OUTPUT, "analog-value": O.ANALOG_VALUE };

function identifier(text) {
  const [type, instance] = text.split(",");
  return { type: types[type], instance: Number(instance) };
}

function asked(call) {
  return new Promise((resolve, reject) => call((error, value) => (error ? reject(error) : resolve(value))));
}

async function read(object, property) {
  const answer = await asked((done) => client.readProperty(device, object, property, done));
  return answer.values.map((one) => one.value);
}

const commands = {
  // The instance number of the device that answers Who-Is.
  discover: () =>
    new Promise((resolve) => {
      client.on("iAm", (message) => resolve(message.payload.deviceId));
      client.whoIs(device);
    }),
  // The names of all objects but the device, by object.
  async list(number) {
    const objects = await read({ type: O.DEVICE, instance: Number(number) }, P.OBJECT_LIST);
    const found = {};
    for (const object of objects.filter((one) => one.type !== O.DEVICE)) {
      const kind = Object.keys(types).find((name) => types[name] === object.type);
      [found[`${kind},${object.instance}`]] = await read(object, P.OBJECT_NAME);
    }
    return found;
  },
  // Present values of several objects, in one request.
  async batch(...objects) {
    const wanted = objects.map((text) => ({ objectId: identifier(text), properties: [{ id: P.PRESENT_VALUE }] }));
    const answer = await asked((done) => client.readPropertyMultiple(device, wanted, done));
    return answer.values.map((one) => one.values[0].value[0].value);
  },
  array: (object) => read(identifier(object), P.PRIORITY_ARRAY),
  // Writes a number, or `null`, at a priority.
  async write(object, text, priority) {
    const value = text === "null" ? { type: T.NULL, value: null } : { type: T.REAL, value: Number(text) };
    const options = { priority: Number(priority) };
    const call = (done) => client.writeProperty(device, identifier(object), P.PRESENT_VALUE, [value], options, done);
    await asked(call);
    return "ok";
  },
};

client.on("listening", () => {
  commands[command](...words)
    .then((value) => console.log(JSON.stringify(value)))
    .catch((error) => console.log(JSON.stringify({ error: error.message })))
    .finally(() => client.close());
});
client.on("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
