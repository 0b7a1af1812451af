// A real OpenID Connect provider on a free port of this machine, with one client and whatever people it is told of.
//
//   node provider.mjs MODULES REDIRECT_URI
//
// It prints its address. `PUT /people/NAME` with claims as JSON makes or changes somebody, who signs in as NAME with any password.
// It ends when its standard input does, and so with the test that started it.
import { createServer } from "node:http";
import { generateKeyPairSync } from "node:crypto";
import { pathToFileURL } from "node:url";
import { join } from "node:path";

const [modules, redirectUri] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(join(modules, "oidc-provider/lib/index.js")));

// It warns that it is not for production; it is not.
console.warn = () => {};

const people = new Map();
const server = createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const key = { ...privateKey.export({ format: "jwk" }), kid: "first", use: "sig", alg: "RS256" };

const provider = new Provider(issuer, {
    clients: [{
        client_id: "synoptic",
        client_secret: "a secret:between+two&100%",
        redirect_uris: [redirectUri],
        grant_types: ["authorization_code"],
        response_types: ["code"],
    }],
    jwks: { keys: [key] },
    cookies: { keys: ["for this test only"] },
    pkce: { methods: ["S256"], required: () => true },
    claims: { openid: ["sub", "realm_access"], email: ["email", "email_verified"], profile: ["name"] },
    findAccount: (_, name) => people.has(name) && {
        accountId: name,
        claims: () => ({ sub: name, ...people.get(name) }),
    },
});
const answer = provider.callback();

server.on("request", async (request, response) => {
    const name = /^\/people\/(\w+)$/.exec(request.url)?.[1];
    if (request.method !== "PUT" || !name) {
        answer(request, response);
        return;
    }
    let body = "";
    for await (const chunk of request) {
        body += chunk;
    }
    people.set(name, JSON.parse(body));
    response.writeHead(204, { Connection: "close" }).end();
});
process.stdin.resume().on("end", () => process.exit());
console.log(issuer);
