import MatrixCore
import Testing

@Suite struct CryptoTests {
    static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    /// FIPS 180-4 examples.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ])
    func sha256(text: String, hash: String) { #expect(Hex.encode(SHA256.hash(Self.bytes(text))) == hash) }

    /// However a text is cut, its hash is the same.
    @Test(arguments: [1, 3, 64, 1000])
    func sha256InPieces(size: Int) {
        let text = (0..<1000).map { UInt8($0 & 255) }
        var stream = SHA256Stream()
        for start in stride(from: 0, to: text.count, by: size) {
            text[start..<min(start + size, text.count)].withUnsafeBytes { stream.update($0) }
        }
        #expect(stream.finish() == SHA256.hash(text))
    }

    /// RFC 2202 case 2 and RFC 4231 case 2.
    @Test func hmac() {
        let message = Self.bytes("what do ya want for nothing?")
        #expect(Hex.encode(HMAC.sha1(key: Self.bytes("Jefe"), message)) == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")
        #expect(Hex.encode(HMAC.sha256(key: Self.bytes("Jefe"), message)) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    }

    /// RFC 8032, 7.1, test 2.
    @Test func ed25519() throws {
        let seed = try #require(Hex.decode("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
        let key = try #require(Ed25519.SigningKey(seed: seed))
        #expect(Hex.encode(key.publicKey) == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
        let signature = key.sign([0x72])
        #expect(
            Hex.encode(signature)
                == "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
        #expect(Ed25519.verify(signature, of: [0x72], publicKey: key.publicKey))
        #expect(!Ed25519.verify(signature, of: [0x73], publicKey: key.publicKey))
        #expect(!Ed25519.verify(Array(signature.dropLast()), of: [0x72], publicKey: key.publicKey))
        #expect(!Ed25519.verify(signature, of: [0x72], publicKey: []))
        #expect(Ed25519.SigningKey(seed: [1, 2, 3]) == nil)
    }

    @Test func argon2id() throws {
        let salt = Self.bytes("0123456789abcdef")
        let encoded = try #require(Argon2id.hash(Self.bytes("wordpass"), salt: salt, cost: .cheap))
        #expect(encoded.hasPrefix("$argon2id$v=19$m=64,t=1,p=1$"))
        #expect(Argon2id.verify(Self.bytes("wordpass"), encoded: encoded))
        #expect(!Argon2id.verify(Self.bytes("wordpasS"), encoded: encoded))
        #expect(!Argon2id.verify([], encoded: encoded))
        #expect(!Argon2id.verify(Self.bytes("wordpass"), encoded: "nonsense"))
        #expect(!Argon2id.verify(Self.bytes("wordpass"), encoded: ""))
        #expect(Argon2id.hash([], salt: salt, cost: .cheap) != nil)
        #expect(Argon2id.hash([1], salt: [1, 2], cost: .cheap) == nil)
        // From the Argon2 reference implementation's test suite (src/test.c, version 0x13, Argon2id, t=2, m=2^8, p=1).
        #expect(Argon2id.verify(Self.bytes("password"), encoded: "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"))
    }

    @Test func equalInConstantTime() {
        #expect(constantTimeEqual([1, 2], [1, 2]))
        #expect(!constantTimeEqual([1, 2], [1, 3]))
        #expect(!constantTimeEqual([1], [1, 2]))
        #expect(constantTimeEqual([], []))
    }

    /// The examples of https://spec.matrix.org/latest/appendices/#unpadded-base64
    @Test(arguments: [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"), ("foobar", "Zm9vYmFy")])
    func base64(text: String, encoded: String) {
        #expect(Base64.encode(Self.bytes(text)) == encoded)
        #expect(Base64.encodeURLSafe(Self.bytes(text)) == encoded)
        #expect(Base64.decode(encoded) == Self.bytes(text))
        #expect(Base64.decode(Base64.encodePadded(Self.bytes(text))) == Self.bytes(text))
    }

    @Test func base64Alphabets() {
        #expect(Base64.encode([0xFB, 0xFF]) == "+/8")
        #expect(Base64.encodeURLSafe([0xFB, 0xFF]) == "-_8")
        #expect(Base64.decode("-_8") == nil)
        #expect(Base64.decodeURLSafe("-_8") == [0xFB, 0xFF])
    }

    @Test(arguments: ["A", "AAAAA", "Zg=", "Zg===", "Z=g=", "Zm9v=", "====", "Z g", "Zg\n", "é"])
    func notBase64(text: String) { #expect(Base64.decode(text) == nil) }

    @Test func hex() {
        #expect(Hex.encode([0, 0xAB, 0xFF]) == "00abff")
        #expect(Hex.decode("00aBfF") == [0, 0xAB, 0xFF])
        #expect(Hex.decode("0") == nil)
        #expect(Hex.decode("0g") == nil)
    }
}
