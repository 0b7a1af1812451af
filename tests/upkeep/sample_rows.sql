-- What the demonstration leaves empty. `@id01` and the like are put in by sample_rows.rs.
INSERT INTO users (id, email, name, role, state, password_hash, all_collections, last_sign_in_at, version, created_at, updated_at)
    VALUES (@id01, 'ä@example.com', @odd, 'editor', 'active', NULL, 0, @early, @most, @at00, @late);
INSERT INTO api_keys (id, name, prefix, hash, created_at, owner_id, scopes, all_collections, previous_hash, version)
    VALUES (@id02, '', 'syn_', @hash00, @at01, @id01, '', 0, @hash10, 1);
INSERT INTO api_keys (id, name, prefix, hash, created_at, revoked_at, version)
    VALUES (@id03, @odd, '', @hash07, @early, @late, 7);
INSERT INTO collections (id, slug, name, description, version, created_at, updated_at, automation, retention_days)
    VALUES (@id04, 'odd', @odd, '', 1, @at01, @at02, '[]', 36500);
INSERT INTO documents (id, collection_id, external_id, title, text, attributes, language, content_hash, version, created_at, updated_at)
    VALUES (@id05, @id04, NULL, NULL, '', @json, NULL, '', 1, @at03, @at04),
        (@id06, @id04, NULL, '', @odd, '{}', NULL, '', 1, @at03, @at04),
        (@id07, @id04, '', @odd, 'a quokka on the shore', @json, NULL, '', 1, @at03, @at04);
INSERT INTO user_collections VALUES (@id01, @id04);
INSERT INTO identities VALUES (@odd, '', @id01, @at05), ('b', 'Z', @id01, @at05), ('B', 'a', @id01, @at05), ('ä', 'a', @id01, @at05);
INSERT INTO sessions VALUES (@id08, @id01, 'password', NULL, '::1', @early, @at06, @late, NULL);
INSERT INTO refresh_tokens VALUES (@hash01, @id08, @at07, @late, NULL);
INSERT INTO signing_keys VALUES ('first', 'EdDSA', X'00ff0a5c4e', @at08, NULL);
INSERT INTO sign_in_flows VALUES (@hash02, '', @odd, '/', @at09, @late);
INSERT INTO api_key_collections VALUES (@id02, @id04);
INSERT INTO audit VALUES (@id09, @at01, 'operator', NULL, '', 'x', NULL, NULL, @odd, NULL, 'done', NULL, NULL);
INSERT INTO prompts VALUES (@id10, 'odd', 1, @at02);
INSERT INTO prompt_versions VALUES (@id10, 1, '', @odd, '', '{{ x }}', @json, NULL, NULL, NULL, @at03),
    (@id10, 2, '', @odd, '', '', '{}', @json, @most, 0.1, @at03);
INSERT INTO analyses (id, kind, document_id, input_hash, engine, model, confidence, options, output, duration_us, degraded,
        created_by, created_at, created_by_user, collection_id, prompt_id, prompt_version, output_tokens, usage_estimated, cache_key)
    VALUES (@id11, 'generation', @id07, 'h', 'e', 'm', 1e-300, '{}', @json, @most, 1,
        @id03, @at04, @id01, @id04, @id10, 1, @most, 1, @hash03);
INSERT INTO usage VALUES ('2024-02-29', @id02, @id00, @id00, 'e', @odd, 1, 2, 3, 4, @most, 0, 0, 0);
INSERT INTO usage_writers VALUES (@id12, @most, @at05);
INSERT INTO budgets VALUES (@id13, @odd, NULL, @id01, NULL, 'tokens', @most, 'month', 1, @at01, @at01);
INSERT INTO budget_windows VALUES (@id13, @early, 0, @most);
INSERT INTO budget_holds VALUES (@id14, @id00, @id00, @id00, 'e', 'm', 1, 1, '[]', @at01, @at02);
INSERT INTO lanes VALUES (@id15, 'jobs', @id04, @at01);
INSERT INTO jobs VALUES
    (@id16, 'import', @id04, 'running', @json, 1, NULL, 0, 1, 2, 3, 'key', @id02, NULL, NULL, @at01, NULL, @at02, NULL),
    (@id17, 'export', @id04, 'running', '{}', 0, 9, 0, 1, 2, 3, 'user', NULL, @id01, NULL, @at01, NULL, @at02, NULL);
-- Held by a server that is not there.
INSERT INTO work VALUES (@id18, @id15, @id16, @id06, 'import', NULL, @json, 'running', @at09, 1, @id19, NULL, NULL, @id11, @at01, NULL);
INSERT INTO readiness VALUES (1, @at01);
INSERT INTO workers VALUES (@id20, 'here', 1, 'all', '0', '[]', @at01, @at02);
INSERT INTO schedules (name, due_at, outcome) VALUES (@odd, @at03, '');
INSERT INTO webhooks VALUES
    (@id21, @id04, @odd, 'https://example.com/', '["job.finished"]', 0.5, 's', NULL, NULL, 0, NULL, 0, 1, @at01, @at01);
INSERT INTO webhook_deliveries VALUES (@id22, @id21, @id07, 'x', '{ "kept" :1e2}', 'failed', 1, 0, '[]', NULL, @at01, @at01);
INSERT INTO uploads VALUES (@id16, @most, 1, 1, 1, X'', 0, @at01);
INSERT INTO upload_chunks VALUES (@id16, 1, 0, X'000102ff');
INSERT INTO upload_refusals VALUES (@id16, @most, @odd);
INSERT INTO exports VALUES (@id17, 'ready', 4, 1, 1, @at01);
INSERT INTO export_parts VALUES (@id17, 1, 0, 4, NULL, @late, X'', NULL, X'50415231');
INSERT INTO push_urls VALUES (@id23, @id04, '', @hash04, @json, NULL, @id01, @at01);
INSERT INTO idempotency_keys VALUES (@id01, @odd, @hash05, NULL, NULL, NULL, @at01), (@id01, '', @hash06, 200, '', X'', @at01);
INSERT INTO idempotency_documents VALUES (@id07, @id01, @odd);
INSERT INTO erasures VALUES (@id24, 'attribute', NULL, X'00112233445566778899aabbccddeeff', @hash08, 'running', @json, '{}',
    NULL, NULL, NULL, NULL, @at01, NULL);
INSERT INTO evictions (origin, subjects) VALUES (@id25, '[]');
