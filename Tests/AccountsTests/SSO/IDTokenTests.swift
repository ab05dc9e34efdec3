@testable import Accounts
import MatrixCore
import Testing

/// Tokens made with OpenSSL.
@Suite struct IDTokenTests {
    static let keys = #"{"keys": [{"kty": "RSA", "kid": "r1", "use": "sig", "alg": "RS256", "n": "y2GqOE4OTpvMVg6cPHVQ_BAxDMkntQmW78nPQTOdpnzVIzN-DdJsSxcIwgp3nQhxEvCmfo9mfuFjesUfWYDboGkfGENklHXmC-vU2BDjRiDG09RRGhIhCGgGYp2x8pSi9wjMP2giY0NH-gyWGRuv2GKB0fE9hg6wIvYJEsQrWwk8f7QtCLWuHtdjqAM9npIOGRBuuwjxQBW8ICf7M2erzumFBxSJtT4rU46f5fF88o3PWec2lMBcfWe_CoUkrplX_7k28_GiHvFAHdOlcrW0FPKoICO9-agFJA9SR1zHUVr_bSxHVX5i_RrGiEqBFMq32Vdk6Sn6zfXr4s1_6qm4vQ", "e": "AQAB"}, {"kty": "EC", "kid": "e1", "crv": "P-256", "x": "-cBz1Qix7-HHiSDuCDhX8tnVV8jTS_En4CHK8kcqi1g", "y": "0ivVz6qsMVjg6xuVtWjOUN6cjeiVhMKDCk6mssHA6PI"}]}"#
    private func claims(_ token: String, nonce: String = "n0nce", now: Int64 = 1_700_000_100_000, keys: String = Self.keys) throws -> JSONObject {
        try IDToken.claims(token, keys: try JSON.parse(Array(keys.utf8)), issuer: "https://id.example", clientID: "comptoir", nonce: nonce, now: now)
    }

    @Test(arguments: [Token.rsa, Token.ec]) func aGenuineTokenNamesThePerson(_ token: String) throws {
        let claims = try claims(token)
        #expect(claims["sub"] == "u-1" && claims["preferred_username"] == "alice")
    }

    @Test(arguments: [(Token.iss, "iss"), (Token.aud, "aud"), (Token.azp, "azp"), (Token.exp, "exp"), (Token.iat, "iat"), (Token.nonce, "nonce"), (Token.sub, "sub")])
    func everyClaimIsChecked(_ token: String, _ claim: String) { #expect(throws: IDToken.Failure.claim(claim)) { try claims(token) } }

    @Test func aTokenEnds() {
        #expect(throws: IDToken.Failure.claim("exp")) { try claims(Token.rsa, now: 1_700_000_600_000 + IDToken.leeway) }
        #expect(throws: IDToken.Failure.claim("iat")) { try claims(Token.rsa, now: 1_699_999_000_000) }
    }

    @Test func anUnknownKeyAndAForeignSignatureAreToldApart() {
        #expect(throws: IDToken.Failure.unknownKey) { try claims(Token.other) }
        let (head, _) = split(Token.rsa), (_, signature) = split(Token.iss)
        #expect(throws: IDToken.Failure.signature) { try claims(head + "." + signature) }
        let (ecHead, ecSignature) = split(Token.ec)
        #expect(throws: IDToken.Failure.signature) { try claims(ecHead + "." + String(ecSignature.reversed())) }
    }

    /// Whoever signs nothing, or with the public key as a secret, gets nowhere.
    @Test(arguments: ["none", "HS256", "RS512", ""]) func otherAlgorithmsAreRefused(_ algorithm: String) {
        let body = Token.rsa.split(separator: ".")[1]
        let header = Base64.encodeURLSafe(Array("{\"alg\":\"\(algorithm)\"}".utf8))
        #expect(throws: IDToken.Failure.algorithm(algorithm)) { try claims("\(header).\(body).AAAA") }
    }

    @Test(arguments: ["", "a", "a.b", "a.b.c", "....", "e30.e30.!"]) func rubbishIsRefused(_ token: String) { #expect(throws: IDToken.Failure.self) { try claims(token) } }

    @Test func keysThatCannotBeReadVerifyNothing() {
        #expect(!WebSignature.verifyRS256([1], of: [], modulus: Array(repeating: 255, count: 256), exponent: [1, 0, 1]))
        #expect(!WebSignature.verifyRS256([], of: [], modulus: [], exponent: []))
        #expect(!WebSignature.verifyES256(Array(repeating: 1, count: 64), of: [], x: Array(repeating: 0, count: 32), y: Array(repeating: 0, count: 32)))
        #expect(!WebSignature.verifyES256([], of: [], x: [], y: []))
    }

    private func split(_ token: String) -> (head: String, signature: String) {
        let parts = token.split(separator: ".")
        return (parts[0] + "." + parts[1], String(parts[2]))
    }

    enum Token {
        static let rsa = "eyJhbGciOiAiUlMyNTYiLCAia2lkIjogInIxIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsInN1YiI6InUtMSIsImV4cCI6MTcwMDAwMDYwMCwiaWF0IjoxNzAwMDAwMDAwLCJub25jZSI6Im4wbmNlIiwicHJlZmVycmVkX3VzZXJuYW1lIjoiYWxpY2UifQ.QhPLcOV2wDpnSOIyA0-Qyl-Xo4eyLZN7Zp8bsBwvyvZb2dmxvm2beunvyxHIrYnqOMWSBbxL6gYCS7mE3IZ9TUhXQgRjCZgPjK9TIe59A8IbIzmKbXh-TvH0dHDUa_5kbEH7fO4IXlKWFJBQQ-ntGqiowvBq3zjvSp324NK6oEZKs1lNYFoRKel709QKFU_MtoxQqLTbZpvec_vI6sXFaFtgVAbO8QWgxOfbogk0PwGOdY42k5kSPcYBDRGKIKVyRwo0dBZq13t-9kWTxHkvnNn0FpN4JiXBUgwFH7WLsfyiljuk5HdvwEdp18Eocun_QkEh_KhfiKsnEJR5WucGvw"
        static let ec = "eyJhbGciOiAiRVMyNTYiLCAia2lkIjogImUxIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsInN1YiI6InUtMSIsImV4cCI6MTcwMDAwMDYwMCwiaWF0IjoxNzAwMDAwMDAwLCJub25jZSI6Im4wbmNlIiwicHJlZmVycmVkX3VzZXJuYW1lIjoiYWxpY2UifQ.ez8jIullwIvHljmFoQ0cA4jJhTFzS1rHbaq2BIStCaOVYElXVUcZOeG1V2fU7_fJeKVrXLcx-RJvqjs4XA0X1Q"
        static let other = "eyJhbGciOiAiUlMyNTYiLCAia2lkIjogInVua25vd24ifQ.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsInN1YiI6InUtMSIsImV4cCI6MTcwMDAwMDYwMCwiaWF0IjoxNzAwMDAwMDAwLCJub25jZSI6Im4wbmNlIiwicHJlZmVycmVkX3VzZXJuYW1lIjoiYWxpY2UifQ.j49I6aTEYRRydt0zs7V0XqNI8tll2qYX_nA2h3hHpVgwl7DuGD7psm6Gni1tg7UoYb6LmhX52OmsZUe1NzVMVAdQiFiiMbU4ys9Y7OfKP4ikztR4uM2luupTf9n_e_wohmjd95hRwYx6-sVOWiKgwMi8ouyKWZaHP1naTsAG1qxxdgsQF3R5DJTnwICy3TR1fHV2aU_G1Obn-msgo_l8onwW3tA-HllYcA3DVahlfL-QUwzHPDBzO6O12eEXwWq-HZ-8VRO1-6UAXm5kN334bsOkgZ0uH6wlNu89TaZKzYC5TnOBbiezOdOfQdUKZR73Mrg6zJZgEstqvOnLNTlHGw"
        static let iss = "eyJhbGciOiAiUlMyNTYiLCAia2lkIjogInIxIn0.eyJpc3MiOiJodHRwczovL2V2aWwuZXhhbXBsZSIsImF1ZCI6ImNvbXB0b2lyIiwic3ViIjoidS0xIiwiZXhwIjoxNzAwMDAwNjAwLCJpYXQiOjE3MDAwMDAwMDAsIm5vbmNlIjoibjBuY2UiLCJwcmVmZXJyZWRfdXNlcm5hbWUiOiJhbGljZSJ9.Ml2x1TwsPOQHJVB53jguItTs5Ec9AseFS_NmxqTyhoR7tkoYjj6oyun_YBUFKOsRNFlq089_Ytf6Z0cBjMPstXUBMdaopQ4kFHJUN5AUIix3lUa0GvbYvusEZyUT23f87T0SVssOmMscSpQO1vIB4C8aJXx338ZF_aeJApKbKbW0xC-ljiN-d-oJ-YtSgX8mFcRoyDZRoijEEmVnVN7fxt7yxFvUsKKLyd847xQ1Gi_kLzfmfEjyJ3v5NUef9RK9Iz4LDir9hTrnYqPWfIwLYn0eLYl9-3djAeHiLbH-q9yYxvKUzs0RZvjrgfyXX8ZdZTh0QzUMWFravqRSNJDxXg"
        static let aud = "eyJhbGciOiAiUlMyNTYiLCAia2lkIjogInIxIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJhbm90aGVyIiwic3ViIjoidS0xIiwiZXhwIjoxNzAwMDAwNjAwLCJpYXQiOjE3MDAwMDAwMDAsIm5vbmNlIjoibjBuY2UiLCJwcmVmZXJyZWRfdXNlcm5hbWUiOiJhbGljZSJ9.kK-urRt03SZElQ2WxlqYpkwGNA2i-R6uKssGgUq0WthuBBr7Tz50wO9wJy2B4mhOnWZgUHxQzoqwcAPld6j6Nqa7dB2t6k2EG5LoW0Wpt0zIPXi3uxsWb0yfWdXIV5fXC6BxasQEVfT8_L2sHrS04XXU281K8qK47y1lLkJVLFDkwPxnsqi0N-XWk-mK50xXOg0l1bb1yeFGV225mni7LlwG_bSCTdgHlsDpsVOPMkMBMuM3Jp6X58HRm9pHWbY0iQRspjI0-wNI01sIAPr9khYI2G5Md8cfiSE5EpY6L7d48ZS6IZ6pOPxZPEdtWxKL--xXvMYUnJgKepzBudmYiA"
        static let azp = "eyJhbGciOiAiUlMyNTYiLCAia2lkIjogInIxIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOlsiY29tcHRvaXIiLCJ4Il0sInN1YiI6InUtMSIsImV4cCI6MTcwMDAwMDYwMCwiaWF0IjoxNzAwMDAwMDAwLCJub25jZSI6Im4wbmNlIiwicHJlZmVycmVkX3VzZXJuYW1lIjoiYWxpY2UiLCJhenAiOiJ4In0.SYZIn_esi3sl2iG54HQK1pkTrcO_4gNWnPVT-UXz6jJkjK3GFWtZSAFdmXhzGLopvXdwQ0vtEGZiTJ_-GLCWInJYaoZXANJtTSV3vOSMOM7BgDD0izQp5nXNxqOXazg5zMqtynDEUTM5SR6Lo-VvgZ9OfpiWteMuiGWowjXoC5ppcgBPqSsGCFolovKecDO6vmlwxOkzSo2biBdASqkG-hY-Kt3HGNuk6fQCAhwgP4a2hausnxw_zB08f3E5ekRTrIvnW_CvVD-SPrfH8ncHOgBjBmLLO1MdBWcD14PRNOAZKbAE3mvVlBAJItbN0ME9y-gH-cKyCUCgpXOOWWHZtQ"
        static let exp = "eyJhbGciOiAiUlMyNTYiLCAia2lkIjogInIxIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsInN1YiI6InUtMSIsImV4cCI6MTY5OTk5OTAwMCwiaWF0IjoxNzAwMDAwMDAwLCJub25jZSI6Im4wbmNlIiwicHJlZmVycmVkX3VzZXJuYW1lIjoiYWxpY2UifQ.aw5k1br8q9X8k64l9ePZ2CY7jyh-m8-xPQeqLjP3KweZF5Vle31OqiGXtNc-eeDJRlPXScqjSy0a3ppQYHl9XDdB_dsgfVh1kREvDWSHL_Ff2eQFZx5_FxuoDl1G0SBo0b8jf76vj5w0XfSv2cYaQDKWigm47oybKwSl2SIyTYm5P25KFzXCMXybta5vex_7i-VUpqxjC3sLX8JCqlrV78JMJOta_NOzMiMwVSPTAjScjG3P9hN-27G1F3RGaY9a8cxZ2rvU4K1pP3zmLbgGod8pQjx0v2P8Qs7dNxr9U-x65WEi4ZFvNWH384ei3bvVr2MRdJPIPFqpnmMyND7OTA"
        static let iat = "eyJhbGciOiAiUlMyNTYiLCAia2lkIjogInIxIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsInN1YiI6InUtMSIsImV4cCI6MTcwMDAwMDYwMCwiaWF0IjoxNzAwMDA5MDAwLCJub25jZSI6Im4wbmNlIiwicHJlZmVycmVkX3VzZXJuYW1lIjoiYWxpY2UifQ.uk4Ze1QI3AyqsP2TxlGEXlhQJ7Apqj_YSv04MHMFWQkT5xUKClv-wRAxtQyWPjen1caF-zXChXB277Yep17l2B5G1Vnp_IZQo3m-rxUsVz4-v1KG-M7htk-CuHfTZQqbMt8hq-ExGbJwrCvtH6bfTyx1kFGzjYpZT87eZ8dskRO-Ujj4XPwYo8B3XYoO5dR0rrrGeJA974fUaDdMoHSNYNjE2KU9NhqoLEfMWjELrUNzijEJ4F18PksQXLDtPdwWtNlN_qD7y3a4sXlFGGb_ngwzP4NpjoyqhlK6agyB9sHuiSwMGzpnkt2DYCbUFU16-2yPfYq7bj2A26YOgW3U-Q"
        static let nonce = "eyJhbGciOiAiUlMyNTYiLCAia2lkIjogInIxIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsInN1YiI6InUtMSIsImV4cCI6MTcwMDAwMDYwMCwiaWF0IjoxNzAwMDAwMDAwLCJub25jZSI6IngiLCJwcmVmZXJyZWRfdXNlcm5hbWUiOiJhbGljZSJ9.AAkIi2-GFxjXBdwmNBmxPn0XJ-vJ68OWk7Pf5Kfaa3ZElo0zqPEYJtMzfXTfIs-zMx_zv6MfcfXz35HuuofqEhrP_n-r0ApIlF4cDPmp-d0c_XG48fF7aHngE_uMCoPkPDAl5-BSs--TyQbzlQGnjV9d3QqQDxmsb9vtGK_Ph76Abm8A5MG98wmQiOC8wTsfPukSzhEu8p_2IAA4yzye-e8vl_7JBbRtpAOirN50mLoFI47KU5CKeWZ1ScxAMHb-S_yCznpsknmV7FzAopsfqPXELdjk8VyiYGE6ljCkNdCCfDCaqTBlCqwy58_3P2u3wuB5MZ3-42QzvdQXCK2NKg"
        static let sub = "eyJhbGciOiAiUlMyNTYiLCAia2lkIjogInIxIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjb21wdG9pciIsInN1YiI6IiIsImV4cCI6MTcwMDAwMDYwMCwiaWF0IjoxNzAwMDAwMDAwLCJub25jZSI6Im4wbmNlIiwicHJlZmVycmVkX3VzZXJuYW1lIjoiYWxpY2UifQ.v3EOvKgvf44WBZm3zRQyRcEILgjfHXFVZXI61_Ezdg3srShWMLung9V-ecIizhZpp9EEJrmdPUVWQHvac_Yhqa2iuTLlqhnIQQBAF0lc-j24ljjZFQr-c2GuOpLAjuISVyLI9AKqttokQJ-yKFNXhQdgwzIrL2mzevYzD_EuAL84_2R-YbV873CCeLg59U-NZrdJ99RMA3lZrtb3HLquaT1MfLsGe_y2KE_LCwMKl5Fcdo_3RNd3vqh8seZmnhmtxnWhBTi4M7Nm0ZO-myJ6iG7e3yHr7sZFdXtGfU2I4YxH-sBpllv74ZVT9j4q5nHcUHL_0Ml2gIXBQ_zK63sZuA"
    }
}
