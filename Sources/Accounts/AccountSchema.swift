import Store

/// Tables of accounts: migrations 10 to 29.
enum AccountSchema {
    static let migrations = [
        Migration(10, "accounts", """
            CREATE TABLE account (
                user_id TEXT PRIMARY KEY,
                kind TEXT NOT NULL,
                password_hash TEXT,
                is_admin INTEGER NOT NULL,
                is_rate_limited INTEGER NOT NULL,
                created INTEGER NOT NULL,
                deactivated INTEGER,
                is_erased INTEGER NOT NULL
            );
            CREATE TABLE profile (
                user_id TEXT PRIMARY KEY REFERENCES account (user_id),
                displayname TEXT,
                avatar_url TEXT,
                fields BLOB NOT NULL,
                search_text TEXT NOT NULL
            );
            CREATE TABLE device (
                user_id TEXT NOT NULL REFERENCES account (user_id),
                device_id TEXT NOT NULL,
                display_name TEXT,
                created INTEGER NOT NULL,
                last_seen INTEGER,
                last_seen_ip TEXT,
                last_seen_agent TEXT,
                PRIMARY KEY (user_id, device_id)
            );
            CREATE TABLE refresh_token (
                number INTEGER PRIMARY KEY,
                hash BLOB NOT NULL UNIQUE,
                user_id TEXT NOT NULL,
                device_id TEXT NOT NULL,
                replaced_by INTEGER,
                FOREIGN KEY (user_id, device_id) REFERENCES device (user_id, device_id)
            );
            CREATE INDEX refresh_token_device ON refresh_token (user_id, device_id);
            CREATE INDEX refresh_token_replaced ON refresh_token (replaced_by);
            CREATE TABLE access_token (
                number INTEGER PRIMARY KEY,
                hash BLOB NOT NULL UNIQUE,
                user_id TEXT NOT NULL,
                device_id TEXT NOT NULL,
                expires INTEGER,
                refresh_number INTEGER,
                is_used INTEGER NOT NULL,
                FOREIGN KEY (user_id, device_id) REFERENCES device (user_id, device_id)
            );
            CREATE INDEX access_token_device ON access_token (user_id, device_id);
            CREATE INDEX access_token_refresh ON access_token (refresh_number);
            """),
        Migration(11, "signing in", """
            CREATE TABLE uia_session (
                id TEXT PRIMARY KEY,
                operation TEXT NOT NULL,
                user_id TEXT,
                params BLOB NOT NULL,
                completed TEXT NOT NULL,
                result TEXT,
                created INTEGER NOT NULL
            );
            CREATE INDEX uia_session_created ON uia_session (created);
            CREATE TABLE registration_token (
                token TEXT PRIMARY KEY,
                uses_allowed INTEGER,
                completed INTEGER NOT NULL,
                expires INTEGER
            );
            CREATE TABLE login_token (
                hash BLOB PRIMARY KEY,
                user_id TEXT NOT NULL,
                expires INTEGER NOT NULL
            );
            CREATE INDEX login_token_expires ON login_token (expires);
            CREATE TABLE openid_token (
                hash BLOB PRIMARY KEY,
                user_id TEXT NOT NULL,
                expires INTEGER NOT NULL
            );
            CREATE INDEX openid_token_expires ON openid_token (expires);
            """),
        Migration(12, "account data", """
            CREATE TABLE account_data (
                user_id TEXT NOT NULL,
                room_id TEXT NOT NULL,
                type TEXT NOT NULL,
                content BLOB NOT NULL,
                position INTEGER NOT NULL,
                PRIMARY KEY (user_id, room_id, type)
            );
            CREATE INDEX account_data_position ON account_data (user_id, position);
            CREATE TABLE filter (
                user_id TEXT NOT NULL,
                filter_id INTEGER NOT NULL,
                content BLOB NOT NULL,
                PRIMARY KEY (user_id, filter_id)
            );
            """),
        Migration(13, "messages to devices", """
            CREATE TABLE to_device (
                user_id TEXT NOT NULL,
                device_id TEXT NOT NULL,
                position INTEGER NOT NULL,
                event BLOB NOT NULL,
                PRIMARY KEY (user_id, device_id, position)
            );
            CREATE TABLE to_device_transaction (
                user_id TEXT NOT NULL,
                device_id TEXT NOT NULL,
                type TEXT NOT NULL,
                transaction_id TEXT NOT NULL,
                at INTEGER NOT NULL,
                PRIMARY KEY (user_id, device_id, type, transaction_id)
            );
            CREATE INDEX to_device_transaction_at ON to_device_transaction (at);
            """),
        Migration(14, "presence", """
            CREATE TABLE presence (
                user_id TEXT PRIMARY KEY,
                status_msg TEXT,
                last_active INTEGER NOT NULL
            );
            """),
        Migration(15, "user directory", """
            CREATE TABLE directory_room (
                room_id TEXT PRIMARY KEY,
                is_public INTEGER NOT NULL,
                is_world_readable INTEGER NOT NULL
            );
            CREATE TABLE directory_member (
                room_id TEXT NOT NULL,
                user_id TEXT NOT NULL,
                PRIMARY KEY (room_id, user_id)
            );
            CREATE INDEX directory_member_user ON directory_member (user_id, room_id);
            """),
    ]
}
