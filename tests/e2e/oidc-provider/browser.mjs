// Drives a browser through the sign-in, as a person would, and says what it saw.
//
//   node browser.mjs MODULES CHROMIUM BASE_URL FOLDER EMAIL PASSWORD
//
// Screenshots go to FOLDER. The last line of the output is what was seen, as JSON; anything unexpected ends with a failure.
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules, executablePath, base, folder, email, password] = process.argv.slice(2);
const { chromium } = createRequire(join(modules, "index.js"))("playwright-core");

const flags = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync --no-first-run";
const browser = await chromium.launch({ executablePath, args: flags.split(" ") });
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
page.setDefaultTimeout(30_000);
// The provider's pages ask for a font from elsewhere.
await page.route((url) => url.hostname !== "127.0.0.1", (route) => route.abort());
const complaints = [];
page.on("pageerror", (error) => complaints.push(String(error)));
page.on("console", (message) => {
    // A refused request is shown in red too; what matters is a script or style that the policy forbids.
    const ours = message.location().url.startsWith(base);
    if (ours && message.type() === "error" && !message.text().includes("status of 4")) {
        complaints.push(message.text());
    }
});
const shot = (name) => page.screenshot({ path: join(folder, `${name}.png`) });
const account = page.locator("#account");

try {
    // Nobody is signed in, and the page says where to.
    await page.goto(`${base}/docs`);
    await account.getByRole("link", { name: "Sign in" }).waitFor();
    await shot("1-docs-signed-out");
    await account.getByRole("link", { name: "Sign in" }).click();
    await page.waitForURL(`${base}/sign-in**`);
    await shot("2-sign-in");

    // A wrong password is told on the page.
    await page.getByLabel("E-mail address").fill("ann@example.org");
    await page.getByLabel("Password").fill("not her password");
    await page.getByRole("button", { name: "Sign in" }).click();
    const alert = page.getByRole("alert");
    await alert.filter({ hasText: /\w/ }).waitFor();
    const wrongPassword = await alert.textContent();
    await shot("3-wrong-password");

    // Through the provider: its page for signing in, then its page for consent.
    await page.getByRole("link", { name: "Continue with Test accounts" }).click();
    await page.locator("input[name=login]").fill("ann");
    await page.locator("input[name=password]").fill("anything");
    await shot("4-provider-sign-in");
    await page.locator("button[type=submit]").click();
    await page.locator("input[name=prompt][value=consent]").waitFor({ state: "attached" });
    await shot("5-provider-consent");
    await page.locator("button[type=submit]").click();
    await page.waitForURL((url) => url.href.startsWith(`${base}/docs`));
    await account.getByRole("button", { name: "Sign out" }).waitFor();
    const signedIn = await account.textContent();
    const address = page.url();
    await shot("6-docs-signed-in");

    // A change through Swagger UI, by cookie alone.
    const operation = page.locator("[id$=createCollection]");
    await operation.locator(".opblock-summary-control").click();
    await operation.locator("textarea").first().fill('{"name": "Made in a browser"}');
    await operation.getByRole("button", { name: "Execute" }).click();
    const status = operation.locator(".live-responses-table .response-col_status").last();
    await status.waitFor();
    const executed = (await status.textContent()).trim().slice(0, 3);
    await operation.locator(".live-responses-table").scrollIntoViewIfNeeded();
    await shot("7-executed");
    const cookies = (await page.context().cookies(base)).map(({ name, httpOnly, sameSite }) => ({ name, httpOnly, sameSite }));

    // Out again.
    await account.getByRole("button", { name: "Sign out" }).click();
    await account.getByRole("link", { name: "Sign in" }).waitFor();
    const left = await page.evaluate(async () => (await fetch("/api/auth/me")).status);

    // After too many attempts the page takes no more for a while; then by password, to where it was asked to go.
    await page.goto(`${base}/sign-in?return_to=${encodeURIComponent("/docs#/Users/listUsers")}`);
    await page.route("**/api/auth/login", (route) => route.fulfill({
        status: 429,
        headers: { "Retry-After": "2", "Content-Type": "application/problem+json" },
        body: JSON.stringify({ detail: "too many failures; try again in 2 s" }),
    }), { times: 1 });
    await page.getByLabel("E-mail address").fill(email);
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("button", { name: "Wait 2 s", disabled: true }).waitFor();
    const tooMany = await alert.textContent();
    await page.getByRole("button", { name: "Sign in", disabled: false }).click();
    await page.waitForURL(`${base}/docs#/Users/listUsers`);
    await account.getByRole("button", { name: "Sign out" }).waitFor();
    const byPassword = await account.textContent();

    // On a narrow screen, in the dark, and with a failure.
    await page.emulateMedia({ colorScheme: "dark" });
    await page.setViewportSize({ width: 390, height: 700 });
    await page.goto(`${base}/sign-in`);
    await shot("8-sign-in-narrow");
    await page.goto(`${base}/auth/oidc/callback?state=x&code=y`);
    const failure = await page.locator("main").innerText();
    await shot("9-failure");
    console.log(JSON.stringify({ wrongPassword, signedIn, address, executed, cookies, left, tooMany, byPassword, failure, complaints }));
} catch (error) {
    await shot("failed");
    console.error(error, complaints);
    process.exitCode = 1;
} finally {
    await browser.close();
}
