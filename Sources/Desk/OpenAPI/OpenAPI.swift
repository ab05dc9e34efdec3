enum OpenAPI { static let routes: [DeskRoute] = [] }
