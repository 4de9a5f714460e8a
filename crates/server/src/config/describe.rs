//! The calls of a kind as the OpenAPI document describes them, and as the router takes them.

use axum::routing::{MethodRouter, delete, get, patch, post, put};
use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{Paths, PathsBuilder, RefOr, schema::Schema},
};
use utoipa_axum::router::OpenApiRouter;

use super::{
    calls,
    permissions::{self, UserGroupPermission},
    resource::Resource,
    segments::Permitted,
};
use crate::{
    access::{App, Configures},
    openapi::patch::JsonPatch,
};

/// The calls of one kind, gathered one by one.
pub(crate) struct Calls<R> {
    router: OpenApiRouter<App>,
    of: std::marker::PhantomData<R>,
}

impl<R: Resource> Calls<R> {
    /// GET of all and of one.
    pub fn read(router: OpenApiRouter<App>) -> Self {
        let words = R::WORDS;
        let (one, many) = (words.operation.0, words.operation.1);
        let id = match words.number {
            Some(_) => {
                json!({"name": "Id", "in": "query", "required": false, "schema": {"type": "integer", "format": "int64", "minimum": 1}})
            }
            None => json!({"name": "Id", "in": "query", "required": false, "description": "This one alone, by name",
                "schema": {"type": "string", "maxLength": 100}, "example": words.example}),
        };
        let all = json!({
            "summary": format!("List the {}", words.many),
            "operationId": format!("list{many}"),
            "parameters": [account(), id, {"name": "locale", "in": "query", "required": false, "schema": {"type": "string"}}, if_none_match()],
            "responses": {
                "200": {
                    "description": format!("The {}", words.many),
                    "headers": etag(),
                    "content": {"application/json": {"schema": {
                        "type": "object",
                        "required": [words.list],
                        "properties": {words.list: {"type": "array", "items": reference::<R>()}},
                    }}},
                },
                "304": {"description": "They still read the same"},
            },
        });
        let each = json!({
            "summary": format!("Read {}", words.a),
            "operationId": format!("read{one}"),
            "parameters": [account(), named::<R>(), if_none_match()],
            "responses": {"200": shown::<R>("As it is configured"), "304": {"description": "It still reads the same"}},
        });
        Self { router, of: std::marker::PhantomData }.add(words.all.to_owned(), "get", all, get(calls::list::<R>)).add(
            at::<R>(words.at),
            "get",
            each,
            get(calls::read::<R>),
        )
    }

    fn add(self, path: String, method: &str, mut operation: Value, handler: MethodRouter<App>) -> Self {
        operation["tags"] = json!(["Configuration"]);
        Self { router: self.router.routes(route(&path, method, operation, schemas::<R>(), handler)), ..self }
    }

    /// All of them, for the router.
    pub fn done(self) -> OpenApiRouter<App> {
        self.router
    }
}

impl<R: Resource<Edit: Configures>> Calls<R> {
    /// GET, PUT and DELETE of the one whose name is a word of another call's address: the router prefers the word, whatever the method.
    pub fn beside(self, name: &str) -> Self {
        let words = R::WORDS;
        let path = format!("{}/{name}", words.at);
        let describe = |verb: &str, id: &str, parameters: Value, responses: Value| {
            json!({
                "summary": format!("{verb} the {} that is named {name}", words.one),
                "description": "Its address is also that of another call.",
                "operationId": format!("{id}{}Named{name}", words.operation.0),
                "parameters": parameters,
                "responses": responses,
            })
        };
        let each = describe(
            "Read",
            "read",
            json!([account(), if_none_match()]),
            json!({"200": shown::<R>("As it is configured"), "304": {"description": "It still reads the same"}}),
        );
        let mut replace = describe(
            "Make or replace",
            "put",
            json!([account(), if_match(), if_none_match()]),
            json!({
                "200": shown::<R>("It was replaced"),
                "201": shown::<R>("It was made"),
                "409": {"description": "The name is taken, or what would change is in use: the Message names the users"},
            }),
        );
        replace["requestBody"] = body::<R>();
        let remove = describe(
            "Remove",
            "delete",
            json!([account(), if_match()]),
            json!({
                "204": {"description": "It was removed"},
                "409": {"description": "It is in use: the Message names the users"},
            }),
        );
        self.add(path.clone(), "get", each, get(calls::read::<R>))
            .add(path.clone(), "put", replace, put(calls::replace::<R>))
            .add(path, "delete", remove, delete(calls::remove::<R>))
    }

    /// POST.
    pub fn create(self) -> Self {
        let words = R::WORDS;
        let operation = json!({
            "summary": format!("Make {}", words.a),
            "operationId": format!("create{}", words.operation.0),
            "parameters": [account()],
            "requestBody": body::<R>(),
            "responses": {"201": shown::<R>("It was made"), "409": {"description": "The name is taken"}},
        });
        self.add(words.make.to_owned(), "post", operation, post(calls::create::<R>))
    }

    /// PATCH.
    pub fn patch(self) -> Self {
        let words = R::WORDS;
        let operation = json!({
            "summary": format!("Change {}", words.a),
            "description": "By a JSON Patch (RFC 6902: add, replace, remove, test) of what GET shows; read-only members stay as they are.",
            "operationId": format!("patch{}", words.operation.0),
            "parameters": [account(), named::<R>(), if_match()],
            "requestBody": {"required": true, "content": {"application/json-patch+json": {"schema": {"$ref": format!("#/components/schemas/{}", JsonPatch::name())}}}},
            "responses": {
                "200": shown::<R>("It was changed"),
                "409": {"description": "A test failed, the name is taken, or what would change or go is in use: the Message names the users"},
            },
        });
        self.add(at::<R>(words.change), "patch", operation, patch(calls::patch::<R>))
    }

    /// PUT and DELETE.
    pub fn replace_and_remove(self) -> Self {
        let words = R::WORDS;
        let replace = json!({
            "summary": format!("Make or replace {}", words.a),
            "description": "Members left out go to their defaults; who may do what with a segment or segment group stays as it is.",
            "operationId": format!("put{}", words.operation.0),
            "parameters": [account(), named::<R>(), if_match(), if_none_match()],
            "requestBody": body::<R>(),
            "responses": {
                "200": shown::<R>("It was replaced"),
                "201": shown::<R>("It was made"),
                "409": {"description": "The name is taken, or what would change is in use: the Message names the users"},
            },
        });
        let remove = json!({
            "summary": format!("Remove {}", words.a),
            "operationId": format!("delete{}", words.operation.0),
            "parameters": [account(), named::<R>(), if_match()],
            "responses": {
                "204": {"description": "It was removed"},
                "409": {"description": "It is in use: the Message names the users"},
            },
        });
        self.add(at::<R>(words.change), "put", replace, put(calls::replace::<R>)).add(
            at::<R>(words.change),
            "delete",
            remove,
            delete(calls::remove::<R>),
        )
    }
}

impl<T: Permitted> Calls<T> {
    /// GET and PUT of who may do what.
    pub fn permissions(self) -> Self {
        let words = <T as Resource>::WORDS;
        let path = format!("{}/Permissions", at::<T>(words.at));
        let schema = json!({"type": "array", "items": {"$ref": format!("#/components/schemas/{}", UserGroupPermission::name())}});
        let content = json!({"application/json": {"schema": schema}});
        let read = json!({
            "summary": format!("Read who may do what with {}", words.a),
            "operationId": format!("read{}Permissions", words.operation.0),
            "parameters": [account(), named::<T>(), if_none_match()],
            "responses": {
                "200": {"description": "What each user group may do; administrators may everything", "headers": etag(), "content": content},
                "304": {"description": "They still read the same"},
            },
        });
        let replace = json!({
            "summary": format!("Say who may do what with {}", words.a),
            "description": "Replaces what was said before. Nobody gives a right that they haven't got.",
            "operationId": format!("put{}Permissions", words.operation.0),
            "parameters": [account(), named::<T>(), if_match()],
            "requestBody": {"required": true, "content": content},
            "responses": {"200": {"description": "As it was said", "headers": etag(), "content": content}},
        });
        self.add(path.clone(), "get", read, get(permissions::read::<T>)).add(
            path,
            "put",
            replace,
            put(permissions::put::<T>),
        )
    }
}

/// What a router takes: the schemas, the description, the handler.
type Route = (Vec<(String, RefOr<Schema>)>, Paths, MethodRouter<App>);

fn route(
    path: &str,
    method: &str,
    operation: Value,
    schemas: Vec<(String, RefOr<Schema>)>,
    handler: MethodRouter<App>,
) -> Route {
    let item = serde_json::from_value(json!({ method: operation })).expect("the descriptions above are OpenAPI");
    (schemas, PathsBuilder::new().path(format!("/{{clientId}}{path}"), item).build(), handler)
}

fn schemas<R: Resource>() -> Vec<(String, RefOr<Schema>)> {
    let mut schemas = vec![
        (R::Wire::name().into_owned(), R::Wire::schema()),
        (JsonPatch::name().into_owned(), JsonPatch::schema()),
        (UserGroupPermission::name().into_owned(), UserGroupPermission::schema()),
    ];
    R::Wire::schemas(&mut schemas);
    schemas
}

fn reference<R: Resource>() -> Value {
    json!({"$ref": format!("#/components/schemas/{}", R::Wire::name())})
}

fn at<R: Resource>(path: &str) -> String {
    format!("{path}/{{{}}}", R::WORDS.parameter)
}

fn shown<R: Resource>(description: &str) -> Value {
    json!({"description": description, "headers": etag(), "content": {"application/json": {"schema": reference::<R>()}}})
}

fn body<R: Resource>() -> Value {
    json!({
        "description": "Read-only members are ignored, unknown ones refused",
        "required": true,
        "content": {"application/json": {"schema": reference::<R>()}},
    })
}

fn etag() -> Value {
    json!({"ETag": {"schema": {"type": "string"}}})
}

fn account() -> Value {
    json!({"name": "clientId", "in": "path", "required": true, "schema": {"type": "string"}})
}

fn named<R: Resource>() -> Value {
    let words = R::WORDS;
    let schema = match words.number {
        Some(_) => json!({"type": "integer", "format": "int64", "minimum": 1}),
        None => json!({"type": "string", "minLength": 1, "maxLength": 100}),
    };
    let example = if words.number.is_some() { json!(1) } else { json!(words.example) };
    json!({"name": words.parameter, "in": "path", "required": true, "description": format!("Which {}", words.one),
        "schema": schema, "example": example})
}

fn if_match() -> Value {
    json!({"name": "If-Match", "in": "header", "required": false, "schema": {"type": "string"}})
}

fn if_none_match() -> Value {
    json!({"name": "If-None-Match", "in": "header", "required": false, "schema": {"type": "string"}})
}
