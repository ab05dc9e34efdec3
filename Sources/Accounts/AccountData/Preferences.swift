package import MatrixCore
package import ServerKit
package import Store

extension Accounts: Preferences {
    package func preference(_ tx: ReadTx, user: UserID, room: RoomID?, type: String) throws -> JSONObject? {
        guard let content = try AccountDataStore.content(tx, user, room: room, type: type) else { return nil }
        return try? JSONObject.parse(content)   // stored content is always a valid object
    }
}
