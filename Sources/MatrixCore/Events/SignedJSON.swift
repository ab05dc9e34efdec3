/// A server's signing key with its names: what signs events and other JSON.
package struct ServerKey: Sendable {
    package let server: String
    /// `ed25519:` and a name, such as `ed25519:a_1`.
    package let keyID: String
    package let key: Ed25519.SigningKey
    /// The JSON of an object of this key's one signature, as far as the signature itself.
    let signaturePrefix: [UInt8]

    package init(server: String, keyID: String, key: Ed25519.SigningKey) {
        self.server = server
        self.keyID = keyID
        self.key = key
        var prefix = Array("{".utf8)
        JSONWriter.string(server, &prefix)
        JSONWriter.ascii(":{", &prefix)
        JSONWriter.string(keyID, &prefix)
        JSONWriter.ascii(":\"", &prefix)
        signaturePrefix = prefix
    }

    /// `{"server":{"ed25519:1":"signature"}}`
    func signatures(_ message: [UInt8]) -> [UInt8] { signaturePrefix + Array(Base64.encode(key.sign(message)).utf8) + Array("\"}}".utf8) }
}

/// https://spec.matrix.org/latest/appendices/#signing-json
package enum SignedJSON {
    /// The object with the key's signature added to its `signatures`. Neither those nor `unsigned` are signed.
    package static func sign(_ object: JSONObject, with key: ServerKey) throws(CanonicalError) -> JSONObject {
        let signature = Base64.encode(key.key.sign(try message(object).canonical()))
        var signatures = object["signatures"]?.objectValue ?? [:]
        var own = signatures[key.server]?.objectValue ?? [:]
        own[key.keyID] = .string(signature)
        signatures[key.server] = .object(own)
        var signed = object
        signed["signatures"] = .object(signatures)
        return signed
    }

    /// Does the object hold a valid signature of `entity` by this key?
    package static func verify(_ object: JSONObject, entity: String, keyID: String, publicKey: [UInt8]) -> Bool {
        guard let text = object["signatures"]?[entity]?[keyID]?.stringValue, let signature = Base64.decode(text) else { return false }
        let bytes: [UInt8]
        do throws(CanonicalError) { bytes = try message(object).canonical() } catch { return false }
        return Ed25519.verify(signature, of: bytes, publicKey: publicKey)
    }

    private static func message(_ object: JSONObject) -> JSONObject {
        object.filter { $0.key != "signatures" && $0.key != "unsigned" }
    }
}
