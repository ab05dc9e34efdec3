import MatrixCore
import Testing

/// https://spec.matrix.org/latest/appendices/#cryptographic-test-vectors
enum SpecificationKey {
    static func make() throws -> ServerKey {
        let seed = try #require(Base64.decode("YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1"))
        return ServerKey(server: "domain", keyID: "ed25519:1", key: try #require(Ed25519.SigningKey(seed: seed)))
    }
}

@Suite struct SigningTests {
    @Test(arguments: [
        ("{}", "K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ"),
        (#"{"one": 1, "two": "Two"}"#, "KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw"),
    ])
    func jsonOfTheSpecification(text: String, signature: String) throws {
        let key = try SpecificationKey.make()
        let object = try JSONObject.parse(Array(text.utf8))
        let signed = try SignedJSON.sign(object, with: key)
        #expect(signed["signatures"] == ["domain": ["ed25519:1": .string(signature)]])
        #expect(SignedJSON.verify(signed, entity: "domain", keyID: "ed25519:1", publicKey: key.key.publicKey))
        #expect(!SignedJSON.verify(signed, entity: "other", keyID: "ed25519:1", publicKey: key.key.publicKey))
        #expect(!SignedJSON.verify(signed, entity: "domain", keyID: "ed25519:2", publicKey: key.key.publicKey))
        var changed = signed
        changed["one"] = 2
        #expect(!SignedJSON.verify(changed, entity: "domain", keyID: "ed25519:1", publicKey: key.key.publicKey))
        var noted = signed
        noted["unsigned"] = ["age": 1]
        #expect(SignedJSON.verify(noted, entity: "domain", keyID: "ed25519:1", publicKey: key.key.publicKey))
    }

    @Test func signaturesOfOthersStay() throws {
        let signed = try SignedJSON.sign(["a": 1, "signatures": ["domain": ["ed25519:0": "x"], "other": ["ed25519:9": "y"]]], with: SpecificationKey.make())
        #expect(signed["signatures"]?["other"] == ["ed25519:9": "y"])
        #expect(signed["signatures"]?["domain"]?["ed25519:0"] == "x")
        #expect(signed["signatures"]?["domain"]?["ed25519:1"] != nil)
    }

    @Test func floatsCannotBeSigned() throws {
        #expect(throws: CanonicalError.float) { try SignedJSON.sign(["a": 1.5], with: SpecificationKey.make()) }
    }

    @Test(arguments: [
        (
            #"{"room_id":"!x:domain","sender":"@a:domain","origin":"domain","origin_server_ts":1000000,"signatures":{},"hashes":{},"type":"X","content":{},"prev_events":[],"auth_events":[],"depth":3,"unsigned":{"age_ts":1000000}}"#,
            "5jM4wQpv6lnBo7CLIghJuHdW+s2CMBJPUOGOC89ncos", "KxwGjPSDEtvnFgU00fwFz+l6d2pJM6XBIaMEn81SXPTRl16AqLAYqfIReFGZlHi5KLjAWbOoMszkwsQma+lYAg"
        ),
        (
            #"{"content":{"body":"Here is the message content"},"event_id":"$0:domain","origin":"domain","origin_server_ts":1000000,"type":"m.room.message","room_id":"!r:domain","sender":"@u:domain","signatures":{},"unsigned":{"age_ts":1000000}}"#,
            "onLKD1bGljeBWQhWZ1kaP9SorVmRQNdN5aM2JYU2n/g", "Wm+VzmOUOz08Ds+0NTWb1d4CZrVsJSikkeRxh6aCcUwu6pNC78FunoD7KNWzqFn241eYHYMGCA5McEiVPdhzBA"
        ),
    ])
    func eventsOfTheSpecification(text: String, hash: String, signature: String) throws {
        // Written for the first room version, whose hashing and redaction are those of the oldest version here.
        let version = try #require(RoomVersion.named("3"))
        let event = try JSONObject.parse(Array(text.utf8))
        let signed = try EventFormat.sign(event, with: SpecificationKey.make(), version: version)
        #expect(signed["hashes"] == ["sha256": .string(hash)])
        #expect(signed["signatures"] == ["domain": ["ed25519:1": .string(signature)]])
        #expect(EventFormat.hasValidContentHash(signed, version: version))
        let publicKey = try SpecificationKey.make().key.publicKey
        #expect(EventFormat.isSigned(signed, entity: "domain", keyID: "ed25519:1", publicKey: publicKey, version: version))
        let redacted = Redaction.pdu(signed, version: version)
        #expect(EventFormat.isSigned(redacted, entity: "domain", keyID: "ed25519:1", publicKey: publicKey, version: version))
    }
}
