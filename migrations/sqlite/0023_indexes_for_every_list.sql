-- Who holds work renews it all the time.
CREATE INDEX work_of_lease ON work (lease) WHERE lease IS NOT NULL;
-- A lane that goes takes its work along; a rule that goes, what it has done.
CREATE INDEX work_of_lane ON work (lane_id, rule);
-- Those who may let everybody in are counted whenever one of them goes.
CREATE INDEX users_admins ON users (id) WHERE role = 'admin' AND state = 'active';
CREATE INDEX audit_refused ON audit (id) WHERE result = 'refused';
-- Analyses by a taxonomy, with or without a label. Summaries, which have neither, are in none of them.
DROP INDEX analyses_of_taxonomy;
CREATE INDEX analyses_of_taxonomy ON analyses (taxonomy_id, created_at, id) WHERE taxonomy_id IS NOT NULL;
CREATE INDEX analyses_of_taxonomy_by_label ON analyses (taxonomy_id, label, created_at, id) WHERE label IS NOT NULL;
-- The unique one of document and rule finds the work of a document as well.
DROP INDEX work_of_document;
