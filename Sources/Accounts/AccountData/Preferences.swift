package import MatrixCore
package import ServerKit
package import Store

extension Accounts: Preferences {
    package func preference(_ tx: ReadTx, user: UserID, room: RoomID?, type: String) throws -> JSONObject? {
        guard let content = try AccountDataStore.content(tx, user, room: room, type: type) else { return nil }
        return try? JSONObject.parse(content)   // stored content is always a valid object
    }

    package func setPreference(_ tx: WriteTx, user: UserID, room: RoomID?, type: String, _ content: JSONObject) throws {
        let bytes = content.encoded()
        try AccountDataRules.checkWritable(type, bytes)
        try AccountData.set(tx, user, room: room, type: type, bytes)
    }
}
