import Store

/// Tables of end-to-end encryption: migrations 16 to 19. Nothing in them is secret to the server's operator; what clients keep
/// secret comes encrypted.
enum KeySchema {
    static let migrations = [
        Migration(16, "device keys", """
            CREATE TABLE device_key (
                user_id TEXT NOT NULL,
                device_id TEXT NOT NULL,
                json BLOB NOT NULL, -- canonical, without unsigned
                PRIMARY KEY (user_id, device_id)
            );
            CREATE TABLE one_time_key (
                user_id TEXT NOT NULL,
                device_id TEXT NOT NULL,
                algorithm TEXT NOT NULL,
                key_id TEXT NOT NULL,
                number INTEGER NOT NULL, -- order of upload
                json BLOB NOT NULL,
                claimed INTEGER, -- ms; a claimed key is remembered for a while, so that a repeated upload does not bring it back
                PRIMARY KEY (user_id, device_id, algorithm, key_id)
            );
            CREATE INDEX one_time_key_next ON one_time_key (user_id, device_id, algorithm, number) WHERE claimed IS NULL;
            CREATE INDEX one_time_key_claimed ON one_time_key (claimed) WHERE claimed IS NOT NULL;
            CREATE TABLE fallback_key (
                user_id TEXT NOT NULL,
                device_id TEXT NOT NULL,
                algorithm TEXT NOT NULL,
                key_id TEXT NOT NULL,
                json BLOB NOT NULL,
                is_used INTEGER NOT NULL,
                PRIMARY KEY (user_id, device_id, algorithm)
            );
            CREATE TABLE device_list_change (
                user_id TEXT PRIMARY KEY,
                position INTEGER NOT NULL
            );
            CREATE INDEX device_list_change_position ON device_list_change (position);
            CREATE TABLE device_list_note ( -- changes that one person alone hears of
                user_id TEXT NOT NULL,
                about TEXT NOT NULL,
                position INTEGER NOT NULL,
                PRIMARY KEY (user_id, about)
            );
            CREATE INDEX device_list_note_position ON device_list_note (user_id, position);
            """),
        Migration(17, "cross-signing", """
            CREATE TABLE cross_signing_key (
                user_id TEXT NOT NULL,
                usage TEXT NOT NULL, -- master, self_signing, user_signing
                public_key TEXT NOT NULL, -- unpadded base64
                json BLOB NOT NULL, -- canonical, without unsigned
                PRIMARY KEY (user_id, usage)
            );
            CREATE TABLE key_signature (
                about TEXT NOT NULL, -- whose key is signed
                about_key TEXT NOT NULL, -- device id, or public part of the master key
                signer TEXT NOT NULL,
                key_id TEXT NOT NULL, -- with which key, ed25519:...
                signature TEXT NOT NULL,
                PRIMARY KEY (about, about_key, signer, key_id)
            );
            CREATE INDEX key_signature_signer ON key_signature (signer);
            """),
        Migration(18, "key backup", """
            CREATE TABLE key_backup (
                user_id TEXT NOT NULL,
                version INTEGER NOT NULL, -- position of its making: grows, and is never given again
                algorithm TEXT NOT NULL,
                auth_data BLOB NOT NULL,
                etag INTEGER NOT NULL, -- position of the last change of its sessions
                session_count INTEGER NOT NULL,
                PRIMARY KEY (user_id, version)
            );
            CREATE TABLE key_backup_session (
                user_id TEXT NOT NULL,
                version INTEGER NOT NULL,
                room_id TEXT NOT NULL,
                session_id TEXT NOT NULL,
                first_message_index INTEGER NOT NULL,
                forwarded_count INTEGER NOT NULL,
                is_verified INTEGER NOT NULL,
                session_data BLOB NOT NULL,
                PRIMARY KEY (user_id, version, room_id, session_id)
            );
            """),
    ]
}
