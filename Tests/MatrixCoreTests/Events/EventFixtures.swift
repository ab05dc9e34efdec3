import MatrixCore

/// Events and what another implementation (Synapse 1.163) makes of them in every room version, with the key of the specification's test vectors.
enum EventFixtures {
    /// Unsigned events by name. In version 12 `create` has no `room_id` and the others that of ``roomOfVersion12``.
    static let events: [String: String] = [
        "message": ##"{"room_id":"!r:domain","sender":"@u:domain","origin_server_ts":1700000000123,"depth":7,"auth_events":["$acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk","$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg"],"prev_events":["$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg"],"type":"m.room.message","content":{"msgtype":"m.text","body":"Bonjour \u00e0 tous \ud83d\ude00 \"quoted\" \\ \n\t\u0001 / \u2028","n":-42,"list":[1,true,null,{"b":1,"a":2}]}}"##,
        "emptyMessage": ##"{"room_id":"!r:domain","sender":"@u:domain","origin_server_ts":1700000000123,"depth":7,"auth_events":["$acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk","$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg"],"prev_events":["$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg"],"type":"x","content":{}}"##,
        "member": ##"{"room_id":"!r:domain","sender":"@u:domain","origin_server_ts":1700000000123,"depth":7,"auth_events":["$acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk","$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg"],"prev_events":["$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg"],"type":"m.room.member","content":{"membership":"join","displayname":"Zo\u00eb","avatar_url":"mxc://domain/abc","join_authorised_via_users_server":"@v:domain","third_party_invite":{"display_name":"z","signed":{"mxid":"@u:domain","token":"t"}},"reason":"x"},"state_key":"@u:domain"}"##,
        "memberWithUnsignedThirdPartyInvite": ##"{"room_id":"!r:domain","sender":"@u:domain","origin_server_ts":1700000000123,"depth":7,"auth_events":["$acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk","$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg"],"prev_events":["$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg"],"type":"m.room.member","content":{"membership":"invite","third_party_invite":{"display_name":"z"}},"state_key":"@w:domain"}"##,
        "create": ##"{"room_id":"!r:domain","sender":"@u:domain","origin_server_ts":1700000000123,"depth":1,"auth_events":[],"prev_events":[],"type":"m.room.create","content":{"creator":"@u:domain","room_version":"10","m.federate":false,"type":"m.space","predecessor":{"room_id":"!old:domain"},"extra":1},"state_key":""}"##,
        "joinRules": ##"{"room_id":"!r:domain","sender":"@u:domain","origin_server_ts":1700000000123,"depth":7,"auth_events":["$acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk","$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg"],"prev_events":["$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg"],"type":"m.room.join_rules","content":{"join_rule":"restricted","allow":[{"type":"m.room_membership","room_id":"!s:domain"}],"extra":1},"state_key":""}"##,
        "powerLevels": ##"{"room_id":"!r:domain","sender":"@u:domain","origin_server_ts":1700000000123,"depth":7,"auth_events":["$acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk","$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg"],"prev_events":["$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg"],"type":"m.room.power_levels","content":{"ban":1,"events":{"m.room.name":2},"events_default":3,"invite":4,"kick":5,"notifications":{"room":6},"redact":7,"state_default":8,"users":{"@u:domain":9},"users_default":10},"state_key":""}"##,
        "historyVisibility": ##"{"room_id":"!r:domain","sender":"@u:domain","origin_server_ts":1700000000123,"depth":7,"auth_events":["$acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk","$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg"],"prev_events":["$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg"],"type":"m.room.history_visibility","content":{"history_visibility":"shared","extra":1},"state_key":""}"##,
        "aliases": ##"{"room_id":"!r:domain","sender":"@u:domain","origin_server_ts":1700000000123,"depth":7,"auth_events":["$acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk","$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg"],"prev_events":["$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg"],"type":"m.room.aliases","content":{"aliases":["#a:domain"],"extra":1},"state_key":"domain"}"##,
        "redaction": ##"{"room_id":"!r:domain","sender":"@u:domain","origin_server_ts":1700000000123,"depth":7,"auth_events":["$acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk","$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg"],"prev_events":["$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg"],"type":"m.room.redaction","content":{"reason":"because","redacts":"$acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk"},"redacts":"$acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk"}"##,
        "oldTopLevelKeys": ##"{"room_id":"!r:domain","sender":"@u:domain","origin_server_ts":1700000000123,"depth":7,"auth_events":["$acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk","$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg"],"prev_events":["$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg"],"type":"m.room.name","content":{"name":"n"},"state_key":"","origin":"domain","prev_state":[],"membership":"join","other":1}"##,
    ]

    static let roomOfVersion12 = "!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM"

    struct Row: Sendable, CustomStringConvertible {
        let version: String, name: String, contentHash: String, eventID: String, signature: String, size: Int
        var description: String { "\(name) in version \(version)" }
        /// A version whose events carry their id.
        var isOpaque: Bool { version == "1" || version == "2" }
    }

    static let rows: [Row] = table.split(separator: "\n").map { line in
        let cells = line.split(separator: " ").map(String.init)
        return Row(version: cells[0], name: cells[1], contentHash: cells[2], eventID: cells[3], signature: cells[4], size: Int(cells[5]) ?? 0)
    }

    /// version, event, content hash, event id (before version 3 the reference hash), signature, size of the signed event in canonical JSON
    private static let table = """
        1 message l1EAPbzWXYBeBTUCjyYppeTrrNeMOqs2TiwnW/LqeHQ XhR2t0e9xMu3o4ycG1uL659VidbP7CqAibHQ2txTM8c vwAHzZCmrtoRMk/Cq6Qh3KfMVRAFuDyXFnEsR4Cd66gZj8nZqgF0QeIFs6R7/pjCo4QtpuUwHZr1MpxzH8lbAw 718
        1 emptyMessage 6e6iTvt9r/ZA5vLjFIoBfEOzpLLXIex3PQHRWre3+Es vF5gpPbX2LINikrPfinxczeW0jrbuqWzhqrIjQbcTSU H9L43+OoR3geZ8EjrnBk4OtLks0H5Yd0bCu4tDMmRU86h1IUn2PkIm/Ugf6HWRGU/kGwLvj5ExctUG1CBAsGAQ 583
        1 member ynzV0/2Qaz9QcfUA4IGv6ahCWD0G2XUecJ2YsoJkee0 mUFWQTzlTqaFWxgeOg2ow6z/rc3Ibl4Go7A0CXGo8G0 v2AhVj81Z27EE+5LJ2zMiSm3mOGx58Y43vQXmPzEuANt75lzExtxTca3oertEn0sSPwXe0JEwe/KeQPNNbqICA 835
        1 memberWithUnsignedThirdPartyInvite 0d6yNShQoB/OooWMOZZawWevNBgQaIa4aEx6e75skeQ 4t0JIA3vWhvmVlprvKm/9yKxMjX484bFomxWJDR8NK4 wWzXPL/tQ8PQuAaXWzOogPT13HljjNdJO2BJ+6E6iEqkvistTuJp8DnHbc+bXdYzMYxNwdhdxFmjuUB5NPxyBw 682
        1 create jlrhEaMf2jTMid4a/ODDshwLTo2hZiyW9NUVaCc1Tuk fDZDKJoufqOe7uJZZWHHCRu4+vdZwHkhhXshymNLp7o buL6agG4mHfJu0EmWLejQigdesGiVxff53eyw09CS2mdFTVJV1YDEIKdMmKtAE5hHVUe+qdFp15ACl2c64N6Bg 517
        1 joinRules 3qNSQZbh7nv7Vso0qA2h08jol3u6I20SmRyuYJzHhsg NuF9zjQizkqK9jwLplPt13O5xa0mE3P/RJuc+y2M55c cBLQYr6neNGTXAftlVWXLg+zK4Dqih1O3/Zgqx8Y+np2XOzJU/S0zYuecEyG3e+ZgpJYCjPF1DtRg7TYcoW4Cw 709
        1 powerLevels bs0btgJn6KRTqxb57i05IWz3OBQIOI0X5ndMWoKqzFU PjjdyCUZlPFz50LpIFjnbO9TqupVRJdFNW+FNRx93ds swu08Evxn+Ljg7fxFgag236KGsBQ35cscKI29l4NwuemK/ygjmU6zdz4Gdgj31aAO+jDgs3V164zF+PjygtcCA 788
        1 historyVisibility NAhG1jDE43lqvurJyFvTrDbdkSkHUx2uLrcO4/yv5dU L+SZadtvUhkVp0wxRcDGnZzl8q0srQwTodg7W5MBow4 ctt/nESO5dvpAvepZWQC++EXmvZT24Ho6pkZL+77c7H2PLcF5ghgUapik2ibSeL+JzQ92mki/he+bG+jZ8wwDg 661
        1 aliases po9ZvxGo10psM/H6tSoqw93ce7LcYCq1gK/zpxPdavI +Cy5nEeU0LWICPYURJxDCPstU/XUumtpCtWRbzj1ckU 6VqhEaybkb2L9Izw77AI/ovT1sG6i0sPiZA1Ue0nbx7EhSVoNQyzW0K5y3GgeVl74VF9gBx8VHbDdLomEwjoDg 650
        1 redaction 1KoOLfXIctvr0YsAK+E6Bpj9Gy25M6fV4nGVgvqPCPo NKdkeSKj6r5q8fiGgymZx9yYr5Aj0Jj3ZyzP0tj/K70 fCOHmv6qAiLDiOqzte/2O1wnBn8qqNrAZaCkaNYhzuDqwKH5du169eNXjTsEqyP4Z7eF1JzCFafNvMWYEITCCw 696
        1 oldTopLevelKeys 5PMQe9OBiICVbuYMRJ3KDC52XpWZHqQIadIZDJae+1s /Rl0P3vV1qT0wt6BjFaL55AYZxSbpuMyeL5lKUG+0AA c9ED2YS+eVg5gKgXj9pwduZbozun7lBJ02lOkBXPX1VJrfy9Mh8uSUlWeVT5VULH36o7TdTJzUCuxVIQVYb/DQ 682
        2 message l1EAPbzWXYBeBTUCjyYppeTrrNeMOqs2TiwnW/LqeHQ XhR2t0e9xMu3o4ycG1uL659VidbP7CqAibHQ2txTM8c vwAHzZCmrtoRMk/Cq6Qh3KfMVRAFuDyXFnEsR4Cd66gZj8nZqgF0QeIFs6R7/pjCo4QtpuUwHZr1MpxzH8lbAw 718
        2 emptyMessage 6e6iTvt9r/ZA5vLjFIoBfEOzpLLXIex3PQHRWre3+Es vF5gpPbX2LINikrPfinxczeW0jrbuqWzhqrIjQbcTSU H9L43+OoR3geZ8EjrnBk4OtLks0H5Yd0bCu4tDMmRU86h1IUn2PkIm/Ugf6HWRGU/kGwLvj5ExctUG1CBAsGAQ 583
        2 member ynzV0/2Qaz9QcfUA4IGv6ahCWD0G2XUecJ2YsoJkee0 mUFWQTzlTqaFWxgeOg2ow6z/rc3Ibl4Go7A0CXGo8G0 v2AhVj81Z27EE+5LJ2zMiSm3mOGx58Y43vQXmPzEuANt75lzExtxTca3oertEn0sSPwXe0JEwe/KeQPNNbqICA 835
        2 memberWithUnsignedThirdPartyInvite 0d6yNShQoB/OooWMOZZawWevNBgQaIa4aEx6e75skeQ 4t0JIA3vWhvmVlprvKm/9yKxMjX484bFomxWJDR8NK4 wWzXPL/tQ8PQuAaXWzOogPT13HljjNdJO2BJ+6E6iEqkvistTuJp8DnHbc+bXdYzMYxNwdhdxFmjuUB5NPxyBw 682
        2 create jlrhEaMf2jTMid4a/ODDshwLTo2hZiyW9NUVaCc1Tuk fDZDKJoufqOe7uJZZWHHCRu4+vdZwHkhhXshymNLp7o buL6agG4mHfJu0EmWLejQigdesGiVxff53eyw09CS2mdFTVJV1YDEIKdMmKtAE5hHVUe+qdFp15ACl2c64N6Bg 517
        2 joinRules 3qNSQZbh7nv7Vso0qA2h08jol3u6I20SmRyuYJzHhsg NuF9zjQizkqK9jwLplPt13O5xa0mE3P/RJuc+y2M55c cBLQYr6neNGTXAftlVWXLg+zK4Dqih1O3/Zgqx8Y+np2XOzJU/S0zYuecEyG3e+ZgpJYCjPF1DtRg7TYcoW4Cw 709
        2 powerLevels bs0btgJn6KRTqxb57i05IWz3OBQIOI0X5ndMWoKqzFU PjjdyCUZlPFz50LpIFjnbO9TqupVRJdFNW+FNRx93ds swu08Evxn+Ljg7fxFgag236KGsBQ35cscKI29l4NwuemK/ygjmU6zdz4Gdgj31aAO+jDgs3V164zF+PjygtcCA 788
        2 historyVisibility NAhG1jDE43lqvurJyFvTrDbdkSkHUx2uLrcO4/yv5dU L+SZadtvUhkVp0wxRcDGnZzl8q0srQwTodg7W5MBow4 ctt/nESO5dvpAvepZWQC++EXmvZT24Ho6pkZL+77c7H2PLcF5ghgUapik2ibSeL+JzQ92mki/he+bG+jZ8wwDg 661
        2 aliases po9ZvxGo10psM/H6tSoqw93ce7LcYCq1gK/zpxPdavI +Cy5nEeU0LWICPYURJxDCPstU/XUumtpCtWRbzj1ckU 6VqhEaybkb2L9Izw77AI/ovT1sG6i0sPiZA1Ue0nbx7EhSVoNQyzW0K5y3GgeVl74VF9gBx8VHbDdLomEwjoDg 650
        2 redaction 1KoOLfXIctvr0YsAK+E6Bpj9Gy25M6fV4nGVgvqPCPo NKdkeSKj6r5q8fiGgymZx9yYr5Aj0Jj3ZyzP0tj/K70 fCOHmv6qAiLDiOqzte/2O1wnBn8qqNrAZaCkaNYhzuDqwKH5du169eNXjTsEqyP4Z7eF1JzCFafNvMWYEITCCw 696
        2 oldTopLevelKeys 5PMQe9OBiICVbuYMRJ3KDC52XpWZHqQIadIZDJae+1s /Rl0P3vV1qT0wt6BjFaL55AYZxSbpuMyeL5lKUG+0AA c9ED2YS+eVg5gKgXj9pwduZbozun7lBJ02lOkBXPX1VJrfy9Mh8uSUlWeVT5VULH36o7TdTJzUCuxVIQVYb/DQ 682
        3 message 8QTtWxcJ5WoJOwn/VRr2ZwDM0oyYY783OWbGb6dUPVc $ylmPbewMtCNKTmYzafiIkXf1tgdZdlzmnf1VwnnDGb0 yqMQtxCt0+AQSEGBYNOS1tJQPfKuonx3eP+UCFc631xdzEr6ORFhqDq3nmYdX1KuZa7ybM5D3IwJU/eJRcZBAw 612
        3 emptyMessage V6Y6htMeVURy1A7K4gu37c4z5zNdL7QO1xK5CUNghSU $wBkhAaLrg+DNBsVhSz/smo1QPujEYynzCMHhCFSpD/s Yj82qN+wa2Hxe0nYKHHe3P1VU0SYHTENTuurD5p1cdChwrSW7s6rNdQtdWsdKU679RRO73M9hrQggE9OlLD5BA 477
        3 member rRZ+1KiLYiO3ULZrwm6wEy6kDBdhzix7qrAa/DI3C8w $tzExvKT91k+37qjI4H5lSZIqJofcSKluSvQwI+Irkz4 kymwUAlIwdp7MUARHMDbMORJAH40zeknom9ir76a/TYPg8N2S7WuMTDRX45cCe2W+ILzkh6U3jLT9PFp2Y0BBA 729
        3 memberWithUnsignedThirdPartyInvite GbBaOa3PccHdhGGaG6ADznGpbO//Xj0tPQQ75giomAU $Q/nhm+vf4eEdEMW0dJyb2ZjaK8h0C+QN1m6KMzOfNhs k2l4SJ6QMB73oveotUAAud0PbhMNMuOy+i8rUgwqG+tGelDlXjrv9YwYujWEC/jFJEAEcBMqLUGzsc247GWQCg 576
        3 create LIP06fE7StJ2QugiXkfkjFL44E+ZED5DvE83p43BRoQ $yTOYUno4jjOy47GBfpw+y1YifMYGxRG8UeMQXH6KtI8 VgEvfRROSJ7zyKUAsd6X8vdMRqhTuTGoUeJhCTeFfQbJ/GaVhAqkbl8hzoZkdcIilkNTeTkmnYz7pjY2UQpzCw 492
        3 joinRules lkYhpMmE2oMzf4ZNPrrG2J8m7ruGgqQFC9B2pCW+aCc $caznQ+dDj95Q+97gK0Rjl0yQPLW3e8E15g6TPITA4Cs GRbJ3X/AghVnhvUfRmE0+HfcuIU3pVKjTQPVR6T6umZgCyTJiKFyXBNA57XLYXlDP4b31V9P8TFKu7TQVDG3Cg 603
        3 powerLevels ZeYNU9yFJ0slDM9vdzgDCI4qvlK68mqhLiz44c4iKz0 $JLxvpUWnczJfC3JnZ4zvde9WzcP08Feef5wXHQUFI14 YAVEk/VYF7ZKQeoGIzYB9ni3B2JORLufUfwoSsjTcwhoBkcr2z2lWYb+WH0oGwN/EcIo4xVxJeSarWlihHgaBA 682
        3 historyVisibility VmM1b4Hlu1XDKnDWcqpoQbfjTtOZUJtJb7nb8AfB/4Y $cMIlIyMPyuwwlgPg+HhM8kqDewzHqEhmKyNn76jtkDc xqjwTE7ru+/72YUvFzMji1aN/MXKHxXM1s0ht495p8m5bW7KNReLTCDcAQztDywbBKRkeInmSKCjVbesIwaEDQ 555
        3 aliases MTx5b29pyZtBTuSGivDhHHaUK8hk4oDkBqAZTTSCFeU $VyO2n3HfIwJ+Qz+ZpWt50IkK+ASB+Su+Zk1Danaxazk ktccQ2UMwScBk47w2Eq9BBNPh1xS1+6cli1xKvCo5UsuhpNXRApficwVn5pgYP7KMvOFWb4Ll/o+5OJsd6kvBg 544
        3 redaction Do0Ndqsk1L/XCviGptWhy3ZatgD77ZUbUrv4/P5Feg4 $PCHAA/HCPy4cdmAcCzGb0LyWCeCCdFmXHPoYPVYUbS4 z5xZN9ZfafFcwP0yELtcqO5TQNVJ1hHSA4j1OAl5LBYCEsjzPQutZ7rZ7xM/9HkEx4gLO6zrGq9/zt1DfxDYAg 624
        3 oldTopLevelKeys BVt1beE8eqzK5owt6I9Bh2iDmzmVzUH27ViQLeKIKc8 $HoZ3qME/0MNFDrEeQxJYDibZQGr/+QU4WPaFvskP4K8 x6cSTOWyxzlheipqaBVfpPPTVKiNA825o6tiikvh+fqnueejdtjtZF5zVBPNjr9ypB8I42ZNnvf810ooAhcfAw 576
        4 message 8QTtWxcJ5WoJOwn/VRr2ZwDM0oyYY783OWbGb6dUPVc $ylmPbewMtCNKTmYzafiIkXf1tgdZdlzmnf1VwnnDGb0 yqMQtxCt0+AQSEGBYNOS1tJQPfKuonx3eP+UCFc631xdzEr6ORFhqDq3nmYdX1KuZa7ybM5D3IwJU/eJRcZBAw 612
        4 emptyMessage V6Y6htMeVURy1A7K4gu37c4z5zNdL7QO1xK5CUNghSU $wBkhAaLrg-DNBsVhSz_smo1QPujEYynzCMHhCFSpD_s Yj82qN+wa2Hxe0nYKHHe3P1VU0SYHTENTuurD5p1cdChwrSW7s6rNdQtdWsdKU679RRO73M9hrQggE9OlLD5BA 477
        4 member rRZ+1KiLYiO3ULZrwm6wEy6kDBdhzix7qrAa/DI3C8w $tzExvKT91k-37qjI4H5lSZIqJofcSKluSvQwI-Irkz4 kymwUAlIwdp7MUARHMDbMORJAH40zeknom9ir76a/TYPg8N2S7WuMTDRX45cCe2W+ILzkh6U3jLT9PFp2Y0BBA 729
        4 memberWithUnsignedThirdPartyInvite GbBaOa3PccHdhGGaG6ADznGpbO//Xj0tPQQ75giomAU $Q_nhm-vf4eEdEMW0dJyb2ZjaK8h0C-QN1m6KMzOfNhs k2l4SJ6QMB73oveotUAAud0PbhMNMuOy+i8rUgwqG+tGelDlXjrv9YwYujWEC/jFJEAEcBMqLUGzsc247GWQCg 576
        4 create LIP06fE7StJ2QugiXkfkjFL44E+ZED5DvE83p43BRoQ $yTOYUno4jjOy47GBfpw-y1YifMYGxRG8UeMQXH6KtI8 VgEvfRROSJ7zyKUAsd6X8vdMRqhTuTGoUeJhCTeFfQbJ/GaVhAqkbl8hzoZkdcIilkNTeTkmnYz7pjY2UQpzCw 492
        4 joinRules lkYhpMmE2oMzf4ZNPrrG2J8m7ruGgqQFC9B2pCW+aCc $caznQ-dDj95Q-97gK0Rjl0yQPLW3e8E15g6TPITA4Cs GRbJ3X/AghVnhvUfRmE0+HfcuIU3pVKjTQPVR6T6umZgCyTJiKFyXBNA57XLYXlDP4b31V9P8TFKu7TQVDG3Cg 603
        4 powerLevels ZeYNU9yFJ0slDM9vdzgDCI4qvlK68mqhLiz44c4iKz0 $JLxvpUWnczJfC3JnZ4zvde9WzcP08Feef5wXHQUFI14 YAVEk/VYF7ZKQeoGIzYB9ni3B2JORLufUfwoSsjTcwhoBkcr2z2lWYb+WH0oGwN/EcIo4xVxJeSarWlihHgaBA 682
        4 historyVisibility VmM1b4Hlu1XDKnDWcqpoQbfjTtOZUJtJb7nb8AfB/4Y $cMIlIyMPyuwwlgPg-HhM8kqDewzHqEhmKyNn76jtkDc xqjwTE7ru+/72YUvFzMji1aN/MXKHxXM1s0ht495p8m5bW7KNReLTCDcAQztDywbBKRkeInmSKCjVbesIwaEDQ 555
        4 aliases MTx5b29pyZtBTuSGivDhHHaUK8hk4oDkBqAZTTSCFeU $VyO2n3HfIwJ-Qz-ZpWt50IkK-ASB-Su-Zk1Danaxazk ktccQ2UMwScBk47w2Eq9BBNPh1xS1+6cli1xKvCo5UsuhpNXRApficwVn5pgYP7KMvOFWb4Ll/o+5OJsd6kvBg 544
        4 redaction Do0Ndqsk1L/XCviGptWhy3ZatgD77ZUbUrv4/P5Feg4 $PCHAA_HCPy4cdmAcCzGb0LyWCeCCdFmXHPoYPVYUbS4 z5xZN9ZfafFcwP0yELtcqO5TQNVJ1hHSA4j1OAl5LBYCEsjzPQutZ7rZ7xM/9HkEx4gLO6zrGq9/zt1DfxDYAg 624
        4 oldTopLevelKeys BVt1beE8eqzK5owt6I9Bh2iDmzmVzUH27ViQLeKIKc8 $HoZ3qME_0MNFDrEeQxJYDibZQGr_-QU4WPaFvskP4K8 x6cSTOWyxzlheipqaBVfpPPTVKiNA825o6tiikvh+fqnueejdtjtZF5zVBPNjr9ypB8I42ZNnvf810ooAhcfAw 576
        5 message 8QTtWxcJ5WoJOwn/VRr2ZwDM0oyYY783OWbGb6dUPVc $ylmPbewMtCNKTmYzafiIkXf1tgdZdlzmnf1VwnnDGb0 yqMQtxCt0+AQSEGBYNOS1tJQPfKuonx3eP+UCFc631xdzEr6ORFhqDq3nmYdX1KuZa7ybM5D3IwJU/eJRcZBAw 612
        5 emptyMessage V6Y6htMeVURy1A7K4gu37c4z5zNdL7QO1xK5CUNghSU $wBkhAaLrg-DNBsVhSz_smo1QPujEYynzCMHhCFSpD_s Yj82qN+wa2Hxe0nYKHHe3P1VU0SYHTENTuurD5p1cdChwrSW7s6rNdQtdWsdKU679RRO73M9hrQggE9OlLD5BA 477
        5 member rRZ+1KiLYiO3ULZrwm6wEy6kDBdhzix7qrAa/DI3C8w $tzExvKT91k-37qjI4H5lSZIqJofcSKluSvQwI-Irkz4 kymwUAlIwdp7MUARHMDbMORJAH40zeknom9ir76a/TYPg8N2S7WuMTDRX45cCe2W+ILzkh6U3jLT9PFp2Y0BBA 729
        5 memberWithUnsignedThirdPartyInvite GbBaOa3PccHdhGGaG6ADznGpbO//Xj0tPQQ75giomAU $Q_nhm-vf4eEdEMW0dJyb2ZjaK8h0C-QN1m6KMzOfNhs k2l4SJ6QMB73oveotUAAud0PbhMNMuOy+i8rUgwqG+tGelDlXjrv9YwYujWEC/jFJEAEcBMqLUGzsc247GWQCg 576
        5 create LIP06fE7StJ2QugiXkfkjFL44E+ZED5DvE83p43BRoQ $yTOYUno4jjOy47GBfpw-y1YifMYGxRG8UeMQXH6KtI8 VgEvfRROSJ7zyKUAsd6X8vdMRqhTuTGoUeJhCTeFfQbJ/GaVhAqkbl8hzoZkdcIilkNTeTkmnYz7pjY2UQpzCw 492
        5 joinRules lkYhpMmE2oMzf4ZNPrrG2J8m7ruGgqQFC9B2pCW+aCc $caznQ-dDj95Q-97gK0Rjl0yQPLW3e8E15g6TPITA4Cs GRbJ3X/AghVnhvUfRmE0+HfcuIU3pVKjTQPVR6T6umZgCyTJiKFyXBNA57XLYXlDP4b31V9P8TFKu7TQVDG3Cg 603
        5 powerLevels ZeYNU9yFJ0slDM9vdzgDCI4qvlK68mqhLiz44c4iKz0 $JLxvpUWnczJfC3JnZ4zvde9WzcP08Feef5wXHQUFI14 YAVEk/VYF7ZKQeoGIzYB9ni3B2JORLufUfwoSsjTcwhoBkcr2z2lWYb+WH0oGwN/EcIo4xVxJeSarWlihHgaBA 682
        5 historyVisibility VmM1b4Hlu1XDKnDWcqpoQbfjTtOZUJtJb7nb8AfB/4Y $cMIlIyMPyuwwlgPg-HhM8kqDewzHqEhmKyNn76jtkDc xqjwTE7ru+/72YUvFzMji1aN/MXKHxXM1s0ht495p8m5bW7KNReLTCDcAQztDywbBKRkeInmSKCjVbesIwaEDQ 555
        5 aliases MTx5b29pyZtBTuSGivDhHHaUK8hk4oDkBqAZTTSCFeU $VyO2n3HfIwJ-Qz-ZpWt50IkK-ASB-Su-Zk1Danaxazk ktccQ2UMwScBk47w2Eq9BBNPh1xS1+6cli1xKvCo5UsuhpNXRApficwVn5pgYP7KMvOFWb4Ll/o+5OJsd6kvBg 544
        5 redaction Do0Ndqsk1L/XCviGptWhy3ZatgD77ZUbUrv4/P5Feg4 $PCHAA_HCPy4cdmAcCzGb0LyWCeCCdFmXHPoYPVYUbS4 z5xZN9ZfafFcwP0yELtcqO5TQNVJ1hHSA4j1OAl5LBYCEsjzPQutZ7rZ7xM/9HkEx4gLO6zrGq9/zt1DfxDYAg 624
        5 oldTopLevelKeys BVt1beE8eqzK5owt6I9Bh2iDmzmVzUH27ViQLeKIKc8 $HoZ3qME_0MNFDrEeQxJYDibZQGr_-QU4WPaFvskP4K8 x6cSTOWyxzlheipqaBVfpPPTVKiNA825o6tiikvh+fqnueejdtjtZF5zVBPNjr9ypB8I42ZNnvf810ooAhcfAw 576
        6 message 8QTtWxcJ5WoJOwn/VRr2ZwDM0oyYY783OWbGb6dUPVc $ylmPbewMtCNKTmYzafiIkXf1tgdZdlzmnf1VwnnDGb0 yqMQtxCt0+AQSEGBYNOS1tJQPfKuonx3eP+UCFc631xdzEr6ORFhqDq3nmYdX1KuZa7ybM5D3IwJU/eJRcZBAw 612
        6 emptyMessage V6Y6htMeVURy1A7K4gu37c4z5zNdL7QO1xK5CUNghSU $wBkhAaLrg-DNBsVhSz_smo1QPujEYynzCMHhCFSpD_s Yj82qN+wa2Hxe0nYKHHe3P1VU0SYHTENTuurD5p1cdChwrSW7s6rNdQtdWsdKU679RRO73M9hrQggE9OlLD5BA 477
        6 member rRZ+1KiLYiO3ULZrwm6wEy6kDBdhzix7qrAa/DI3C8w $tzExvKT91k-37qjI4H5lSZIqJofcSKluSvQwI-Irkz4 kymwUAlIwdp7MUARHMDbMORJAH40zeknom9ir76a/TYPg8N2S7WuMTDRX45cCe2W+ILzkh6U3jLT9PFp2Y0BBA 729
        6 memberWithUnsignedThirdPartyInvite GbBaOa3PccHdhGGaG6ADznGpbO//Xj0tPQQ75giomAU $Q_nhm-vf4eEdEMW0dJyb2ZjaK8h0C-QN1m6KMzOfNhs k2l4SJ6QMB73oveotUAAud0PbhMNMuOy+i8rUgwqG+tGelDlXjrv9YwYujWEC/jFJEAEcBMqLUGzsc247GWQCg 576
        6 create LIP06fE7StJ2QugiXkfkjFL44E+ZED5DvE83p43BRoQ $yTOYUno4jjOy47GBfpw-y1YifMYGxRG8UeMQXH6KtI8 VgEvfRROSJ7zyKUAsd6X8vdMRqhTuTGoUeJhCTeFfQbJ/GaVhAqkbl8hzoZkdcIilkNTeTkmnYz7pjY2UQpzCw 492
        6 joinRules lkYhpMmE2oMzf4ZNPrrG2J8m7ruGgqQFC9B2pCW+aCc $caznQ-dDj95Q-97gK0Rjl0yQPLW3e8E15g6TPITA4Cs GRbJ3X/AghVnhvUfRmE0+HfcuIU3pVKjTQPVR6T6umZgCyTJiKFyXBNA57XLYXlDP4b31V9P8TFKu7TQVDG3Cg 603
        6 powerLevels ZeYNU9yFJ0slDM9vdzgDCI4qvlK68mqhLiz44c4iKz0 $JLxvpUWnczJfC3JnZ4zvde9WzcP08Feef5wXHQUFI14 YAVEk/VYF7ZKQeoGIzYB9ni3B2JORLufUfwoSsjTcwhoBkcr2z2lWYb+WH0oGwN/EcIo4xVxJeSarWlihHgaBA 682
        6 historyVisibility VmM1b4Hlu1XDKnDWcqpoQbfjTtOZUJtJb7nb8AfB/4Y $cMIlIyMPyuwwlgPg-HhM8kqDewzHqEhmKyNn76jtkDc xqjwTE7ru+/72YUvFzMji1aN/MXKHxXM1s0ht495p8m5bW7KNReLTCDcAQztDywbBKRkeInmSKCjVbesIwaEDQ 555
        6 aliases MTx5b29pyZtBTuSGivDhHHaUK8hk4oDkBqAZTTSCFeU $fPcWuT84QQ2eZ43kdzuqd1ByV58nGvWV6IwJUvx6NsI VhEKlJPf01amKTjzhm5uBCEUcVnKXN8ghw5GH8VWsdZ3rsq7U2iPh3toAp4Z3an/YMZ/hS04QQSVyEtb2HkTCQ 544
        6 redaction Do0Ndqsk1L/XCviGptWhy3ZatgD77ZUbUrv4/P5Feg4 $PCHAA_HCPy4cdmAcCzGb0LyWCeCCdFmXHPoYPVYUbS4 z5xZN9ZfafFcwP0yELtcqO5TQNVJ1hHSA4j1OAl5LBYCEsjzPQutZ7rZ7xM/9HkEx4gLO6zrGq9/zt1DfxDYAg 624
        6 oldTopLevelKeys BVt1beE8eqzK5owt6I9Bh2iDmzmVzUH27ViQLeKIKc8 $HoZ3qME_0MNFDrEeQxJYDibZQGr_-QU4WPaFvskP4K8 x6cSTOWyxzlheipqaBVfpPPTVKiNA825o6tiikvh+fqnueejdtjtZF5zVBPNjr9ypB8I42ZNnvf810ooAhcfAw 576
        7 message 8QTtWxcJ5WoJOwn/VRr2ZwDM0oyYY783OWbGb6dUPVc $ylmPbewMtCNKTmYzafiIkXf1tgdZdlzmnf1VwnnDGb0 yqMQtxCt0+AQSEGBYNOS1tJQPfKuonx3eP+UCFc631xdzEr6ORFhqDq3nmYdX1KuZa7ybM5D3IwJU/eJRcZBAw 612
        7 emptyMessage V6Y6htMeVURy1A7K4gu37c4z5zNdL7QO1xK5CUNghSU $wBkhAaLrg-DNBsVhSz_smo1QPujEYynzCMHhCFSpD_s Yj82qN+wa2Hxe0nYKHHe3P1VU0SYHTENTuurD5p1cdChwrSW7s6rNdQtdWsdKU679RRO73M9hrQggE9OlLD5BA 477
        7 member rRZ+1KiLYiO3ULZrwm6wEy6kDBdhzix7qrAa/DI3C8w $tzExvKT91k-37qjI4H5lSZIqJofcSKluSvQwI-Irkz4 kymwUAlIwdp7MUARHMDbMORJAH40zeknom9ir76a/TYPg8N2S7WuMTDRX45cCe2W+ILzkh6U3jLT9PFp2Y0BBA 729
        7 memberWithUnsignedThirdPartyInvite GbBaOa3PccHdhGGaG6ADznGpbO//Xj0tPQQ75giomAU $Q_nhm-vf4eEdEMW0dJyb2ZjaK8h0C-QN1m6KMzOfNhs k2l4SJ6QMB73oveotUAAud0PbhMNMuOy+i8rUgwqG+tGelDlXjrv9YwYujWEC/jFJEAEcBMqLUGzsc247GWQCg 576
        7 create LIP06fE7StJ2QugiXkfkjFL44E+ZED5DvE83p43BRoQ $yTOYUno4jjOy47GBfpw-y1YifMYGxRG8UeMQXH6KtI8 VgEvfRROSJ7zyKUAsd6X8vdMRqhTuTGoUeJhCTeFfQbJ/GaVhAqkbl8hzoZkdcIilkNTeTkmnYz7pjY2UQpzCw 492
        7 joinRules lkYhpMmE2oMzf4ZNPrrG2J8m7ruGgqQFC9B2pCW+aCc $caznQ-dDj95Q-97gK0Rjl0yQPLW3e8E15g6TPITA4Cs GRbJ3X/AghVnhvUfRmE0+HfcuIU3pVKjTQPVR6T6umZgCyTJiKFyXBNA57XLYXlDP4b31V9P8TFKu7TQVDG3Cg 603
        7 powerLevels ZeYNU9yFJ0slDM9vdzgDCI4qvlK68mqhLiz44c4iKz0 $JLxvpUWnczJfC3JnZ4zvde9WzcP08Feef5wXHQUFI14 YAVEk/VYF7ZKQeoGIzYB9ni3B2JORLufUfwoSsjTcwhoBkcr2z2lWYb+WH0oGwN/EcIo4xVxJeSarWlihHgaBA 682
        7 historyVisibility VmM1b4Hlu1XDKnDWcqpoQbfjTtOZUJtJb7nb8AfB/4Y $cMIlIyMPyuwwlgPg-HhM8kqDewzHqEhmKyNn76jtkDc xqjwTE7ru+/72YUvFzMji1aN/MXKHxXM1s0ht495p8m5bW7KNReLTCDcAQztDywbBKRkeInmSKCjVbesIwaEDQ 555
        7 aliases MTx5b29pyZtBTuSGivDhHHaUK8hk4oDkBqAZTTSCFeU $fPcWuT84QQ2eZ43kdzuqd1ByV58nGvWV6IwJUvx6NsI VhEKlJPf01amKTjzhm5uBCEUcVnKXN8ghw5GH8VWsdZ3rsq7U2iPh3toAp4Z3an/YMZ/hS04QQSVyEtb2HkTCQ 544
        7 redaction Do0Ndqsk1L/XCviGptWhy3ZatgD77ZUbUrv4/P5Feg4 $PCHAA_HCPy4cdmAcCzGb0LyWCeCCdFmXHPoYPVYUbS4 z5xZN9ZfafFcwP0yELtcqO5TQNVJ1hHSA4j1OAl5LBYCEsjzPQutZ7rZ7xM/9HkEx4gLO6zrGq9/zt1DfxDYAg 624
        7 oldTopLevelKeys BVt1beE8eqzK5owt6I9Bh2iDmzmVzUH27ViQLeKIKc8 $HoZ3qME_0MNFDrEeQxJYDibZQGr_-QU4WPaFvskP4K8 x6cSTOWyxzlheipqaBVfpPPTVKiNA825o6tiikvh+fqnueejdtjtZF5zVBPNjr9ypB8I42ZNnvf810ooAhcfAw 576
        8 message 8QTtWxcJ5WoJOwn/VRr2ZwDM0oyYY783OWbGb6dUPVc $ylmPbewMtCNKTmYzafiIkXf1tgdZdlzmnf1VwnnDGb0 yqMQtxCt0+AQSEGBYNOS1tJQPfKuonx3eP+UCFc631xdzEr6ORFhqDq3nmYdX1KuZa7ybM5D3IwJU/eJRcZBAw 612
        8 emptyMessage V6Y6htMeVURy1A7K4gu37c4z5zNdL7QO1xK5CUNghSU $wBkhAaLrg-DNBsVhSz_smo1QPujEYynzCMHhCFSpD_s Yj82qN+wa2Hxe0nYKHHe3P1VU0SYHTENTuurD5p1cdChwrSW7s6rNdQtdWsdKU679RRO73M9hrQggE9OlLD5BA 477
        8 member rRZ+1KiLYiO3ULZrwm6wEy6kDBdhzix7qrAa/DI3C8w $tzExvKT91k-37qjI4H5lSZIqJofcSKluSvQwI-Irkz4 kymwUAlIwdp7MUARHMDbMORJAH40zeknom9ir76a/TYPg8N2S7WuMTDRX45cCe2W+ILzkh6U3jLT9PFp2Y0BBA 729
        8 memberWithUnsignedThirdPartyInvite GbBaOa3PccHdhGGaG6ADznGpbO//Xj0tPQQ75giomAU $Q_nhm-vf4eEdEMW0dJyb2ZjaK8h0C-QN1m6KMzOfNhs k2l4SJ6QMB73oveotUAAud0PbhMNMuOy+i8rUgwqG+tGelDlXjrv9YwYujWEC/jFJEAEcBMqLUGzsc247GWQCg 576
        8 create LIP06fE7StJ2QugiXkfkjFL44E+ZED5DvE83p43BRoQ $yTOYUno4jjOy47GBfpw-y1YifMYGxRG8UeMQXH6KtI8 VgEvfRROSJ7zyKUAsd6X8vdMRqhTuTGoUeJhCTeFfQbJ/GaVhAqkbl8hzoZkdcIilkNTeTkmnYz7pjY2UQpzCw 492
        8 joinRules lkYhpMmE2oMzf4ZNPrrG2J8m7ruGgqQFC9B2pCW+aCc $E1CPipFdVBmMH_lY0WbqKyV_33VVFTX_6Od9gjn-mtA jL6AnEbtHnZqtEeyoRp2O0utLzFlbAEqaXhV0njaYOWQMkdBbTsOOEA60IkUVq2dFV3FvnQ0GhkzZwsVPVGvAA 603
        8 powerLevels ZeYNU9yFJ0slDM9vdzgDCI4qvlK68mqhLiz44c4iKz0 $JLxvpUWnczJfC3JnZ4zvde9WzcP08Feef5wXHQUFI14 YAVEk/VYF7ZKQeoGIzYB9ni3B2JORLufUfwoSsjTcwhoBkcr2z2lWYb+WH0oGwN/EcIo4xVxJeSarWlihHgaBA 682
        8 historyVisibility VmM1b4Hlu1XDKnDWcqpoQbfjTtOZUJtJb7nb8AfB/4Y $cMIlIyMPyuwwlgPg-HhM8kqDewzHqEhmKyNn76jtkDc xqjwTE7ru+/72YUvFzMji1aN/MXKHxXM1s0ht495p8m5bW7KNReLTCDcAQztDywbBKRkeInmSKCjVbesIwaEDQ 555
        8 aliases MTx5b29pyZtBTuSGivDhHHaUK8hk4oDkBqAZTTSCFeU $fPcWuT84QQ2eZ43kdzuqd1ByV58nGvWV6IwJUvx6NsI VhEKlJPf01amKTjzhm5uBCEUcVnKXN8ghw5GH8VWsdZ3rsq7U2iPh3toAp4Z3an/YMZ/hS04QQSVyEtb2HkTCQ 544
        8 redaction Do0Ndqsk1L/XCviGptWhy3ZatgD77ZUbUrv4/P5Feg4 $PCHAA_HCPy4cdmAcCzGb0LyWCeCCdFmXHPoYPVYUbS4 z5xZN9ZfafFcwP0yELtcqO5TQNVJ1hHSA4j1OAl5LBYCEsjzPQutZ7rZ7xM/9HkEx4gLO6zrGq9/zt1DfxDYAg 624
        8 oldTopLevelKeys BVt1beE8eqzK5owt6I9Bh2iDmzmVzUH27ViQLeKIKc8 $HoZ3qME_0MNFDrEeQxJYDibZQGr_-QU4WPaFvskP4K8 x6cSTOWyxzlheipqaBVfpPPTVKiNA825o6tiikvh+fqnueejdtjtZF5zVBPNjr9ypB8I42ZNnvf810ooAhcfAw 576
        9 message 8QTtWxcJ5WoJOwn/VRr2ZwDM0oyYY783OWbGb6dUPVc $ylmPbewMtCNKTmYzafiIkXf1tgdZdlzmnf1VwnnDGb0 yqMQtxCt0+AQSEGBYNOS1tJQPfKuonx3eP+UCFc631xdzEr6ORFhqDq3nmYdX1KuZa7ybM5D3IwJU/eJRcZBAw 612
        9 emptyMessage V6Y6htMeVURy1A7K4gu37c4z5zNdL7QO1xK5CUNghSU $wBkhAaLrg-DNBsVhSz_smo1QPujEYynzCMHhCFSpD_s Yj82qN+wa2Hxe0nYKHHe3P1VU0SYHTENTuurD5p1cdChwrSW7s6rNdQtdWsdKU679RRO73M9hrQggE9OlLD5BA 477
        9 member rRZ+1KiLYiO3ULZrwm6wEy6kDBdhzix7qrAa/DI3C8w $KL0b6t5eCctmB5whb3Va-8KxhwT2_BllR1FBSofhVoI UkRFOcKwNrpdPwFtQoWUQUOUAu5rJH2IhDxLATR8wUZgha85+AoftVIDLGw8zys2j2bdXE+/3ApxWUthAskpDA 729
        9 memberWithUnsignedThirdPartyInvite GbBaOa3PccHdhGGaG6ADznGpbO//Xj0tPQQ75giomAU $Q_nhm-vf4eEdEMW0dJyb2ZjaK8h0C-QN1m6KMzOfNhs k2l4SJ6QMB73oveotUAAud0PbhMNMuOy+i8rUgwqG+tGelDlXjrv9YwYujWEC/jFJEAEcBMqLUGzsc247GWQCg 576
        9 create LIP06fE7StJ2QugiXkfkjFL44E+ZED5DvE83p43BRoQ $yTOYUno4jjOy47GBfpw-y1YifMYGxRG8UeMQXH6KtI8 VgEvfRROSJ7zyKUAsd6X8vdMRqhTuTGoUeJhCTeFfQbJ/GaVhAqkbl8hzoZkdcIilkNTeTkmnYz7pjY2UQpzCw 492
        9 joinRules lkYhpMmE2oMzf4ZNPrrG2J8m7ruGgqQFC9B2pCW+aCc $E1CPipFdVBmMH_lY0WbqKyV_33VVFTX_6Od9gjn-mtA jL6AnEbtHnZqtEeyoRp2O0utLzFlbAEqaXhV0njaYOWQMkdBbTsOOEA60IkUVq2dFV3FvnQ0GhkzZwsVPVGvAA 603
        9 powerLevels ZeYNU9yFJ0slDM9vdzgDCI4qvlK68mqhLiz44c4iKz0 $JLxvpUWnczJfC3JnZ4zvde9WzcP08Feef5wXHQUFI14 YAVEk/VYF7ZKQeoGIzYB9ni3B2JORLufUfwoSsjTcwhoBkcr2z2lWYb+WH0oGwN/EcIo4xVxJeSarWlihHgaBA 682
        9 historyVisibility VmM1b4Hlu1XDKnDWcqpoQbfjTtOZUJtJb7nb8AfB/4Y $cMIlIyMPyuwwlgPg-HhM8kqDewzHqEhmKyNn76jtkDc xqjwTE7ru+/72YUvFzMji1aN/MXKHxXM1s0ht495p8m5bW7KNReLTCDcAQztDywbBKRkeInmSKCjVbesIwaEDQ 555
        9 aliases MTx5b29pyZtBTuSGivDhHHaUK8hk4oDkBqAZTTSCFeU $fPcWuT84QQ2eZ43kdzuqd1ByV58nGvWV6IwJUvx6NsI VhEKlJPf01amKTjzhm5uBCEUcVnKXN8ghw5GH8VWsdZ3rsq7U2iPh3toAp4Z3an/YMZ/hS04QQSVyEtb2HkTCQ 544
        9 redaction Do0Ndqsk1L/XCviGptWhy3ZatgD77ZUbUrv4/P5Feg4 $PCHAA_HCPy4cdmAcCzGb0LyWCeCCdFmXHPoYPVYUbS4 z5xZN9ZfafFcwP0yELtcqO5TQNVJ1hHSA4j1OAl5LBYCEsjzPQutZ7rZ7xM/9HkEx4gLO6zrGq9/zt1DfxDYAg 624
        9 oldTopLevelKeys BVt1beE8eqzK5owt6I9Bh2iDmzmVzUH27ViQLeKIKc8 $HoZ3qME_0MNFDrEeQxJYDibZQGr_-QU4WPaFvskP4K8 x6cSTOWyxzlheipqaBVfpPPTVKiNA825o6tiikvh+fqnueejdtjtZF5zVBPNjr9ypB8I42ZNnvf810ooAhcfAw 576
        10 message 8QTtWxcJ5WoJOwn/VRr2ZwDM0oyYY783OWbGb6dUPVc $ylmPbewMtCNKTmYzafiIkXf1tgdZdlzmnf1VwnnDGb0 yqMQtxCt0+AQSEGBYNOS1tJQPfKuonx3eP+UCFc631xdzEr6ORFhqDq3nmYdX1KuZa7ybM5D3IwJU/eJRcZBAw 612
        10 emptyMessage V6Y6htMeVURy1A7K4gu37c4z5zNdL7QO1xK5CUNghSU $wBkhAaLrg-DNBsVhSz_smo1QPujEYynzCMHhCFSpD_s Yj82qN+wa2Hxe0nYKHHe3P1VU0SYHTENTuurD5p1cdChwrSW7s6rNdQtdWsdKU679RRO73M9hrQggE9OlLD5BA 477
        10 member rRZ+1KiLYiO3ULZrwm6wEy6kDBdhzix7qrAa/DI3C8w $KL0b6t5eCctmB5whb3Va-8KxhwT2_BllR1FBSofhVoI UkRFOcKwNrpdPwFtQoWUQUOUAu5rJH2IhDxLATR8wUZgha85+AoftVIDLGw8zys2j2bdXE+/3ApxWUthAskpDA 729
        10 memberWithUnsignedThirdPartyInvite GbBaOa3PccHdhGGaG6ADznGpbO//Xj0tPQQ75giomAU $Q_nhm-vf4eEdEMW0dJyb2ZjaK8h0C-QN1m6KMzOfNhs k2l4SJ6QMB73oveotUAAud0PbhMNMuOy+i8rUgwqG+tGelDlXjrv9YwYujWEC/jFJEAEcBMqLUGzsc247GWQCg 576
        10 create LIP06fE7StJ2QugiXkfkjFL44E+ZED5DvE83p43BRoQ $yTOYUno4jjOy47GBfpw-y1YifMYGxRG8UeMQXH6KtI8 VgEvfRROSJ7zyKUAsd6X8vdMRqhTuTGoUeJhCTeFfQbJ/GaVhAqkbl8hzoZkdcIilkNTeTkmnYz7pjY2UQpzCw 492
        10 joinRules lkYhpMmE2oMzf4ZNPrrG2J8m7ruGgqQFC9B2pCW+aCc $E1CPipFdVBmMH_lY0WbqKyV_33VVFTX_6Od9gjn-mtA jL6AnEbtHnZqtEeyoRp2O0utLzFlbAEqaXhV0njaYOWQMkdBbTsOOEA60IkUVq2dFV3FvnQ0GhkzZwsVPVGvAA 603
        10 powerLevels ZeYNU9yFJ0slDM9vdzgDCI4qvlK68mqhLiz44c4iKz0 $JLxvpUWnczJfC3JnZ4zvde9WzcP08Feef5wXHQUFI14 YAVEk/VYF7ZKQeoGIzYB9ni3B2JORLufUfwoSsjTcwhoBkcr2z2lWYb+WH0oGwN/EcIo4xVxJeSarWlihHgaBA 682
        10 historyVisibility VmM1b4Hlu1XDKnDWcqpoQbfjTtOZUJtJb7nb8AfB/4Y $cMIlIyMPyuwwlgPg-HhM8kqDewzHqEhmKyNn76jtkDc xqjwTE7ru+/72YUvFzMji1aN/MXKHxXM1s0ht495p8m5bW7KNReLTCDcAQztDywbBKRkeInmSKCjVbesIwaEDQ 555
        10 aliases MTx5b29pyZtBTuSGivDhHHaUK8hk4oDkBqAZTTSCFeU $fPcWuT84QQ2eZ43kdzuqd1ByV58nGvWV6IwJUvx6NsI VhEKlJPf01amKTjzhm5uBCEUcVnKXN8ghw5GH8VWsdZ3rsq7U2iPh3toAp4Z3an/YMZ/hS04QQSVyEtb2HkTCQ 544
        10 redaction Do0Ndqsk1L/XCviGptWhy3ZatgD77ZUbUrv4/P5Feg4 $PCHAA_HCPy4cdmAcCzGb0LyWCeCCdFmXHPoYPVYUbS4 z5xZN9ZfafFcwP0yELtcqO5TQNVJ1hHSA4j1OAl5LBYCEsjzPQutZ7rZ7xM/9HkEx4gLO6zrGq9/zt1DfxDYAg 624
        10 oldTopLevelKeys BVt1beE8eqzK5owt6I9Bh2iDmzmVzUH27ViQLeKIKc8 $HoZ3qME_0MNFDrEeQxJYDibZQGr_-QU4WPaFvskP4K8 x6cSTOWyxzlheipqaBVfpPPTVKiNA825o6tiikvh+fqnueejdtjtZF5zVBPNjr9ypB8I42ZNnvf810ooAhcfAw 576
        11 message 8QTtWxcJ5WoJOwn/VRr2ZwDM0oyYY783OWbGb6dUPVc $ylmPbewMtCNKTmYzafiIkXf1tgdZdlzmnf1VwnnDGb0 yqMQtxCt0+AQSEGBYNOS1tJQPfKuonx3eP+UCFc631xdzEr6ORFhqDq3nmYdX1KuZa7ybM5D3IwJU/eJRcZBAw 612
        11 emptyMessage V6Y6htMeVURy1A7K4gu37c4z5zNdL7QO1xK5CUNghSU $wBkhAaLrg-DNBsVhSz_smo1QPujEYynzCMHhCFSpD_s Yj82qN+wa2Hxe0nYKHHe3P1VU0SYHTENTuurD5p1cdChwrSW7s6rNdQtdWsdKU679RRO73M9hrQggE9OlLD5BA 477
        11 member rRZ+1KiLYiO3ULZrwm6wEy6kDBdhzix7qrAa/DI3C8w $FwI-ULWu7Sx71RYmKIcTV3GnvfFKTsbqM-rN_rfIXqI 00QmyM+b4OWg1VOMj9X3SHRSwgRhm/9ER6jV6cT+Qfp988cEMR7+S8+V9o0w0QWu9U0qJHmzSr0Pee4UbTosBw 729
        11 memberWithUnsignedThirdPartyInvite GbBaOa3PccHdhGGaG6ADznGpbO//Xj0tPQQ75giomAU $7fNdmsslaR_Fh6Ju9NX1La1gsnOqkO7H78NuTwRQKk8 dKXnw9OBFo1dx+TIRPvh4OvkhROhDGsaEDitZiKmdHER+IaWvUzCNqplKwbGU4SkPG8XYdfPMBV+ZdpNXRdDDw 576
        11 create LIP06fE7StJ2QugiXkfkjFL44E+ZED5DvE83p43BRoQ $eGYXcpW6iyEqY60d4e9eyz9UTM_QQ_dwkoNqTvrqnYQ g0+U4y1DANPCRtk7oF0YJRZUJPcw4ckS6pKpps2UtwafZ81tdJHnzCXe/VyLe2YkLzSb7AlkRIM7QKQGXKBOAQ 492
        11 joinRules lkYhpMmE2oMzf4ZNPrrG2J8m7ruGgqQFC9B2pCW+aCc $E1CPipFdVBmMH_lY0WbqKyV_33VVFTX_6Od9gjn-mtA jL6AnEbtHnZqtEeyoRp2O0utLzFlbAEqaXhV0njaYOWQMkdBbTsOOEA60IkUVq2dFV3FvnQ0GhkzZwsVPVGvAA 603
        11 powerLevels ZeYNU9yFJ0slDM9vdzgDCI4qvlK68mqhLiz44c4iKz0 $5aFubqisXQosIMRYjLohbvSqqTvmQdjvugr4wj7tHWE JNoFjgjM9vT4xTgrw95HxwDsPSgZkHXC3sQBx1OsHwHuiKtWk4/RBf2wq2tlY5Fs3QXxqYWAjKfjB/op+RsKAg 682
        11 historyVisibility VmM1b4Hlu1XDKnDWcqpoQbfjTtOZUJtJb7nb8AfB/4Y $cMIlIyMPyuwwlgPg-HhM8kqDewzHqEhmKyNn76jtkDc xqjwTE7ru+/72YUvFzMji1aN/MXKHxXM1s0ht495p8m5bW7KNReLTCDcAQztDywbBKRkeInmSKCjVbesIwaEDQ 555
        11 aliases MTx5b29pyZtBTuSGivDhHHaUK8hk4oDkBqAZTTSCFeU $fPcWuT84QQ2eZ43kdzuqd1ByV58nGvWV6IwJUvx6NsI VhEKlJPf01amKTjzhm5uBCEUcVnKXN8ghw5GH8VWsdZ3rsq7U2iPh3toAp4Z3an/YMZ/hS04QQSVyEtb2HkTCQ 544
        11 redaction Do0Ndqsk1L/XCviGptWhy3ZatgD77ZUbUrv4/P5Feg4 $st-N6kADu9AiGupQWno_2tA1L8f0ZH7nibPKzcUxWSU dUPBg9pvk01seqhNiGQY3j2/GGexgClMbSr5mgQwgPkunCJNYyW96MTZP76o3gEATnM0syBgAgfLUCqfOQX9BA 624
        11 oldTopLevelKeys BVt1beE8eqzK5owt6I9Bh2iDmzmVzUH27ViQLeKIKc8 $5DQqUpSC9ZNdJqkl4gPVlDLkFxmSV1S_5AxEYOWPCho Mg2JLTTNvZ/Iam00whYDOx8eTR5e24DQdot9grtAQq+9ExrI99wtw+sm8EMdIZ6edL4eu6cD6h3xlrJ2DSh2AA 576
        12 message y9q8pkQ+XCFsTXufeboDeR6XVf7aU8K8yG6jy5NVufk $eDjnKz2kqnwai_a2PTNEyEicDUnH1K6XK_NjdxBLKks 0bC4c5F0zTvU8PjVjlTLlowXWFh1BFUQ8T7xOXIGNB9CFCm088uwvsqnb0LY5yq1FxKgvxNxSYAkdAUVKzm7DQ 647
        12 emptyMessage BdOEYMPmDfubVYeBwQIeAMRbVktVUaaDfo14scP8ang $74Qlc_jkzNO8qbnuKQaU9ONdYapiQ0CBjPiu_Y2ZAoc NmYJQMkyPYSq7J1/dBDkD+N+zhhAjTNjWOMLwoIW8wIAeOWHBVPN1HSp8huvzvAboIOuwqw0wnvhmrkT/a9BCg 512
        12 member hCNT7qbk26t0LJv/1E/FugpCHme/u5jQiuzbPJR3FRg $dwjO-A1_ytD1YAR9AwVlejirDfk94y_wNyhuRroOamE tPdC+8lDC6MRtQvZAdVha5VFMB1HYg4xuYAgSPYgmuVdLrKcNj1cAfVrq7t6/ohS8ML0CZLlyx0tZZQlIxWxBA 764
        12 memberWithUnsignedThirdPartyInvite Qa6ER9RgM9+TkSN3ST62sKsMGtbDmJKpAimptqHO78w $jTy1aZnxhbJ8SKzkJAYY9oGHtQUYgcki_kEKcgXPhFk i6IUN16qWYhRzZhw0DchMKBNU6EC4eGVCNojuO75gFmVjKQYnRxrkxlirNQuqDxn9W0j7d8ZHE58xgctGti7Bw 611
        12 create 4Ipi6g4+N54yzfEDa6ZzMpxA6SCgf6UzXpKY/K9Lp98 $c_qXsCA-RQytjAZxIa4QMn-sWgGUEtpOxeDSo5vF5Co bWujyo/k018ckU2jgTEwYDO1b4IkpdPo2c+rLHD7cKpjEbj87SPCSpBqDfvqkhqveXX8hi49RWlsxriC1PsqBQ 470
        12 joinRules J+SZKI9F3DYzg39SRkz5wyuC39AZL0Ttin6AU3J7H34 $ZDLAZ8-HkFF1XyTqv9zRW0BwD-xnthEOmtgVwhoW-d8 qd2MBiJ4pP3YleVAvXrK9P8NG4GoZSa5JqUn99V9qVJf+TghuCc3g1Pwe8fTsq25YMIzx+BTfZZYaw4+X+3rDA 638
        12 powerLevels 1T/wTHEMa3/RsVZVohZbG2KWf+4CaOJRtGZwTwBjajA $K4lS0QKYqJkQZACo6lHlAJZ6EJQysydrx4stBMIKN90 5iNKgxis2/d/eKWSuXUj9JszabJVYDbDhJGwGwO0/G5BBNKD96G0h2ZpqnU1H3BoN3DEjbnCyXhLeirMdwHMDA 717
        12 historyVisibility vsTQ8yvhfLUp69hiTlk4pD+qyK+81Iyo/3xreYo2SsY $PmHEVVOc70rafNzGTblVSutnMlScN8pMwmiJs1cq_eg nSqIUWzbYEsxaHKyoQSHZuLRtx2jd8F7sNUjUYjRv1mMqbOgUMOd6uuT1ZklqleJrfYjPZYFcPoHL3IjCfZwAg 590
        12 aliases G/hA0PhEX3CQZgp8E7AVxPTsfJZIS4ruDPMV5gGIYlk $qfB4FO9lXaZHHkjhKyeDxLYvWV2v3_kvVjgiPOiJ1Ng GCY4QKunPaen5zPrT+cK5UOHjDgQAcPpkoOuRQUUWrdztQtkM0QsgUs/lIaLqMut8uNzlxFitfFGuBQVWjvRBw 579
        12 redaction 6Jn7pmmqClQnc13XJOcnQFyKQywbPxhqdc7mtXmtXHE $Zq_ExLQBP2waxgW-tRMWeVrqLfVWyv9D36qHjs5sWHE U0cbu4zaCHzIInhMwdnJpjeZr7iDLDifQ0GQNcW6n1kI7VCX5s3QOWnqXRLiqadl2QhgcSxMnTWIFfpemC71CQ 659
        12 oldTopLevelKeys 4rlSxUUlOCMB1vkf4ZekYBACfPqTvi1bzftLT45N2Tk $A9DI9_St1jAP2AF5HA1O39vN71-zyCc7kq90tHwubjo wyhu4SjVxGwLNXLQNFZblMOfLrvQAWOhYYl9bQTC8KyKw1MYxWij/gG0E8SzpljFdMWDz90fN4gTTL0Ui9ssAA 611
        """
}
