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

    package func preferences(_ tx: ReadTx, user: UserID, type: String) throws -> [RoomID: JSONObject] {
        var found: [RoomID: JSONObject] = [:]
        for row in try AccountDataStore.ofType(tx, user, type) where row.room != AccountDataRules.global {
            found[RoomID(trusted: row.room)] = try? JSONObject.parse(row.content)   // stored content is always a valid object
        }
        return found
    }

    package func mailAddresses(_ tx: ReadTx, user: UserID) throws -> [String] {
        try ThirdPartyStore.contacts(tx, of: user).filter { $0.id.medium == "email" }.map(\.id.address)
    }
}
