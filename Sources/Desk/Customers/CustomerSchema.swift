import Store

/// What the desk knows of customers beside the contact itself. Older binaries run on 106: they know a company as text and no attributes by kind.
enum CustomerSchema {
    static let migrations: [Migration] = [
        Migration(106, "desk customers", """
        CREATE TABLE desk_attribute(
          attribute_key TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, choices TEXT NOT NULL, position INTEGER NOT NULL, created_at INTEGER NOT NULL,
          CHECK (kind IN ('text', 'number', 'date', 'boolean', 'list', 'link')));
        CREATE TABLE desk_contact_attribute(
          contact_id TEXT NOT NULL REFERENCES desk_contact(id), attribute_key TEXT NOT NULL, folded TEXT NOT NULL, ordered INTEGER, PRIMARY KEY (contact_id, attribute_key));
        CREATE INDEX desk_contact_attribute_value ON desk_contact_attribute(attribute_key, folded);
        CREATE TABLE desk_company(
          id TEXT NOT NULL PRIMARY KEY, brand_id TEXT NOT NULL REFERENCES desk_brand(id), name TEXT NOT NULL, name_key TEXT NOT NULL,
          domain TEXT, website TEXT, phone TEXT, notes TEXT NOT NULL, created_at INTEGER NOT NULL, version INTEGER NOT NULL);
        CREATE UNIQUE INDEX desk_company_name ON desk_company(brand_id, name_key);
        CREATE INDEX desk_company_order ON desk_company(name_key, id);
        ALTER TABLE desk_contact ADD COLUMN company_id TEXT;
        ALTER TABLE desk_contact ADD COLUMN merged_into TEXT;
        INSERT INTO desk_company(id, brand_id, name, name_key, notes, created_at, version)
          SELECT 'co_' || CAST(MIN(number) AS TEXT), brand_id, MIN(company), LOWER(company), '', MIN(first_seen_at), 1
          FROM desk_contact WHERE company IS NOT NULL AND company <> '' GROUP BY brand_id, LOWER(company);
        UPDATE desk_contact SET company_id = (SELECT o.id FROM desk_company o WHERE o.brand_id = desk_contact.brand_id AND o.name_key = LOWER(desk_contact.company))
          WHERE company IS NOT NULL AND company <> '';
        CREATE INDEX desk_contact_company ON desk_contact(company_id) WHERE company_id IS NOT NULL;
        CREATE INDEX desk_contact_merged ON desk_contact(merged_into) WHERE merged_into IS NOT NULL;
        CREATE INDEX desk_contact_email ON desk_contact(brand_id, email) WHERE email IS NOT NULL;
        CREATE TABLE desk_contact_address(
          id TEXT NOT NULL PRIMARY KEY, contact_id TEXT NOT NULL REFERENCES desk_contact(id), kind TEXT NOT NULL, value TEXT NOT NULL, normal TEXT NOT NULL,
          proved INTEGER NOT NULL, added_at INTEGER NOT NULL, CHECK (kind IN ('email', 'phone')));
        CREATE UNIQUE INDEX desk_contact_address_once ON desk_contact_address(contact_id, kind, normal);
        CREATE INDEX desk_contact_address_normal ON desk_contact_address(kind, normal);
        CREATE TABLE desk_contact_event(
          id INTEGER NOT NULL PRIMARY KEY, contact_id TEXT NOT NULL REFERENCES desk_contact(id), kind TEXT NOT NULL, at INTEGER NOT NULL,
          actor_kind TEXT NOT NULL, actor_id TEXT NOT NULL, data TEXT NOT NULL);
        CREATE INDEX desk_contact_event_contact ON desk_contact_event(contact_id, id);
        CREATE INDEX desk_contact_event_pages ON desk_contact_event(at) WHERE kind = 'page';
        CREATE TABLE desk_segment(
          id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, scope TEXT NOT NULL, owner_id TEXT, filter TEXT NOT NULL, updated_at INTEGER NOT NULL,
          CHECK (scope IN ('personal', 'team')));
        CREATE INDEX desk_segment_owner ON desk_segment(scope, owner_id)
        """),
    ]
}
