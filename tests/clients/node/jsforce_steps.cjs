// Reads {step, url, token, …}, runs that step with jsforce as it comes from npm, and prints what it answered as JSON.
// A refusal is part of the answer: {error: {name, errorCode, message}} as jsforce shows it.
const { readFileSync } = require("node:fs");
const { Connection } = require("jsforce");

const KEY = "GyakusanActionKey__c";
const SMALL_PAGES = { "Sforce-Query-Options": "batchSize=500" };
const version = "62.0";

const connected = ({ url, token }) => {
  const connection = new Connection({ instanceUrl: url, accessToken: token, version });
  connection.bulk2.pollInterval = 100;
  return connection;
};

async function loggedIn(connection, given) {
  const user = await connection.login(given.username, given.clientSecret);
  const { totalSize } = await connection.query("SELECT Id FROM User");
  const { instanceUrl, accessToken } = connection;
  await connection.logout();
  const stale = new Connection({ instanceUrl, accessToken, version });
  return { user, totalSize, loggedOut: await refusal(() => stale.query("SELECT Id FROM User")) };
}

async function refusal(attempt) {
  try {
    return { answered: await attempt() };
  } catch (error) {
    return { error: { name: error.name, errorCode: error.errorCode, message: error.message } };
  }
}

const steps = {
  async identity(given) {
    return connected(given).identity();
  },

  async soap_login(given) {
    const made = () => new Connection({ loginUrl: given.url, version });
    return { ...(await loggedIn(made(), given)), wrong: await refusal(() => made().login(given.username, "wrong")) };
  },

  async oauth2_login(given) {
    const oauth2 = { loginUrl: given.url, clientId: given.clientId, clientSecret: given.clientSecret };
    const made = () => new Connection({ oauth2, version });
    return { ...(await loggedIn(made(), given)), wrong: await refusal(() => made().login(given.username, "wrong")) };
  },

  async client_credentials(given) {
    const oauth2 = { loginUrl: given.url, clientId: given.clientId, clientSecret: given.clientSecret };
    const connection = new Connection({ oauth2, instanceUrl: given.url, version });
    await connection.authorize({ grant_type: "client_credentials" });
    return (await connection.query("SELECT Id FROM User")).totalSize;
  },

  async describe(given) {
    const connection = connected(given);
    const { sobjects } = await connection.describeGlobal();
    const { fields } = await connection.sobject("Task").describe();
    const limits = await connection.limits();
    return {
      objects: sobjects.map((each) => each.name),
      key: fields.find((each) => each.name === KEY),
      dailyRequests: limits.DailyApiRequests,
      usage: connection.limitInfo.apiUsage,
    };
  },

  async pages(given) {
    const connection = connected(given);
    const soql = "SELECT Name FROM Account WHERE Name LIKE 'account %' ORDER BY Name";
    let page = await connection.query(soql, { headers: SMALL_PAGES });
    const sizes = [page.records.length];
    while (!page.done) {
      page = await connection.queryMore(page.nextRecordsUrl);
      sizes.push(page.records.length);
    }
    const fetched = await connection.query(soql, { autoFetch: true, maxFetch: 100_000 });
    const found = await connection
      .sobject("Account")
      .find({ Name: { $like: "account 00%" } }, ["Name"])
      .sort({ Name: -1 })
      .limit(2);
    const counted = await connection.sobject("Account").count({ Name: { $like: "account 00%" } });
    return {
      sizes,
      names: fetched.records.map((each) => each.Name),
      found: found.map((each) => each.Name),
      counted,
    };
  },

  async bulk_query(given) {
    const stream = await connected(given).bulk2.query("SELECT Name FROM Account WHERE Name LIKE 'account %'");
    return (await stream.toArray()).map((each) => each.Name);
  },

  async bulk_upsert(given) {
    const connection = connected(given);
    const load = (input) =>
      connection.bulk2.loadAndWaitForResults({ object: "Task", operation: "upsert", externalIdFieldName: KEY, input });
    const first = await load(given.rows);
    const again = await load(given.rows);
    const { records } = await connection.query(`SELECT ${KEY}, Subject FROM Task WHERE ${KEY} LIKE 'jsforce-bulk-%'`);
    return { first, again, stored: Object.fromEntries(records.map((each) => [each[KEY], each.Subject])) };
  },

  async upsert(given) {
    const task = connected(given).sobject("Task");
    const created = await task.upsert({ [KEY]: "jsforce-1", Subject: "first" }, KEY);
    const updated = await task.upsert(
      [
        { [KEY]: "jsforce-1", Subject: "second" },
        { [KEY]: "jsforce-2", Subject: "new" },
        { [KEY]: "jsforce-3", Subject: "refused", ActivityDate: "someday" },
      ],
      KEY,
    );
    const read = await task.retrieve(created.id);
    const destroyed = await task.destroy(updated[1].id);
    const minute = 60_000;
    const gone = await task.deleted(new Date(Date.now() - 5 * minute), new Date(Date.now() + minute));
    return { created, updated, subject: read.Subject, destroyed, gone: gone.deletedRecords.map((each) => each.id) };
  },

  async errors(given) {
    const connection = connected(given);
    return {
      field: await refusal(() => connection.query("SELECT Nope FROM Task")),
      query: await refusal(() => connection.query("SELECT FROM")),
      record: await refusal(() => connection.sobject("Opportunity").create({ Name: "no stage" })),
      missing: await refusal(() => connection.sobject("Task").retrieve("00T000000000000AAA")),
      token: await refusal(() => connected({ ...given, token: "00D!expired" }).query("SELECT Id FROM User")),
      bulk: await refusal(() => connection.bulk2.query("SELECT Nope FROM Task")),
    };
  },
};

async function main() {
  const given = JSON.parse(readFileSync(0, "utf8"));
  process.stdout.write(JSON.stringify(await steps[given.step](given)));
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
