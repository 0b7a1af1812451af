// Signs in through the Authorize dialog of Swagger UI and presses Execute on every operation, with what is filled in.
//
//   node swagger.mjs MODULES CHROMIUM BASE_URL FOLDER EMAIL PASSWORD VIEWER_EMAIL VIEWER_PASSWORD
//
// The last line of the output is what was seen, as JSON: the status of each operation, and what the browser complained of.
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules, executablePath, base, folder, ...people] = process.argv.slice(2);
const [admin, viewer] = [people.slice(0, 2), people.slice(2)];
const { chromium } = createRequire(join(modules, "index.js"))("playwright-core");

const flags = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync --no-first-run";
const browser = await chromium.launch({ executablePath, args: flags.split(" ") });
const page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
page.setDefaultTimeout(30_000);
const complaints = [];
page.on("pageerror", (error) => complaints.push(String(error)));
page.on("console", (message) => {
    if (message.type() === "error" && !message.text().includes("status of 4")) {
        complaints.push(message.text());
    }
});

async function authorize([email, password]) {
    await page.goto(`${base}/docs`);
    await page.evaluate(() => localStorage.clear());
    await page.reload();
    await page.locator(".btn.authorize").click();
    await page.locator("#oauth_username").fill(email);
    await page.locator("#oauth_password").fill(password);
    // The dialog lists the bearer first, then signing in.
    const dialog = page.locator(".auth-container").nth(1);
    await dialog.locator("button.authorize").click();
    await page.locator(".auth-container", { hasText: "Logout" }).waitFor();
    await page.screenshot({ path: join(folder, "authorized.png") });
    await page.locator(".btn-done").first().click();
}

/** Reads first, then changes, then deletes; last what ends the viewer's sessions and changes their password. */
function turn(id) {
    const name = id.split("-").pop();
    if (name === "changePassword") return 4;
    if (name.startsWith("logout")) return 3;
    if (/^(delete|revoke)/.test(name)) return 2;
    return /^(create|put|update|rotate)/.test(name) ? 1 : 0;
}

/** Shows the operations of one part of the page, or of none: each click draws anew what is shown, and all of them take seconds. */
async function show(part) {
    const schemas = page.locator(".models.is-open .models-control");
    if ((await schemas.count()) > 0) await schemas.click();
    const open = page.locator(".opblock-tag-section.is-open .opblock-tag");
    while ((await open.count()) > 0) await open.first().click();
    if (part) await page.locator(`[id="${part}"]`).click();
}

try {
    await authorize(admin);
    const operations = await page.locator(".opblock").evaluateAll((blocks) =>
        blocks.map((block) => ({ id: block.id, part: block.closest(".opblock-tag-section").querySelector(".opblock-tag").id })),
    );
    operations.sort((one, other) => turn(one.id) - turn(other.id));
    const statuses = {};
    let shown;
    for (const { id, part } of operations) {
        if (turn(id) >= 3) {
            await authorize(viewer);
            shown = undefined;
        }
        if (shown !== part) await show(part);
        shown = part;
        const block = page.locator(`[id="${id}"]`);
        await block.locator(".opblock-summary-control").click();
        await block.locator(".btn.execute").click();
        const status = block.locator(".live-responses-table tbody .response-col_status").first();
        statuses[id.split("-").pop()] = parseInt(await status.textContent(), 10);
        if (id.endsWith("-getMe")) await block.screenshot({ path: join(folder, "executed.png") });
        await block.locator(".opblock-summary-control").click();
    }
    console.log(JSON.stringify({ statuses, complaints }));
} catch (error) {
    await page.screenshot({ path: join(folder, "failed.png") });
    throw error;
} finally {
    await browser.close();
}
