    // Whoever is signed in by cookie uses this page without a credential in "Authorize". What changes something then carries the
    // CSRF token, which only pages of this server can read.
    function csrfToken() {
        return /(?:^|; )(?:__Host-)?synoptic_csrf=([^;]+)/.exec(document.cookie)?.[1];
    }

    function withCsrfToken(request) {
        const ours = new URL(request.url, location.href).origin === location.origin;
        const changes = !["GET", "HEAD", "OPTIONS"].includes((request.method ?? "GET").toUpperCase());
        const token = csrfToken();
        if (ours && changes && token && !request.headers?.Authorization) {
            request.headers = { ...request.headers, "X-CSRF-Token": token };
        }
        return request;
    }

    async function showAccount() {
        const account = document.getElementById("account");
        const me = csrfToken() ? await fetch("/api/auth/me").then((answer) => answer.ok ? answer.json() : null) : null;
        if (!me) {
            const link = document.createElement("a");
            link.textContent = "Sign in";
            link.href = "/sign-in?return_to=/docs";
            // The place on the page changes without loading it anew.
            link.addEventListener("click", () => {
                link.href = "/sign-in?return_to=" + encodeURIComponent(location.pathname + location.hash);
            });
            account.replaceChildren(link);
            return;
        }
        const button = document.createElement("button");
        button.textContent = "Sign out";
        button.addEventListener("click", async () => {
            await fetch("/api/auth/logout", { method: "POST", headers: { "X-CSRF-Token": csrfToken() ?? "" } });
            location.reload();
        });
        account.replaceChildren("Signed in as " + me.name + " (" + me.role + ")", button);
    }

    showAccount();

