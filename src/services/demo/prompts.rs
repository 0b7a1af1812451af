//! The prompts of the sample data.

use super::{FACTS_PROMPT, PROMPT, SPARE, Services, unless_there};
use crate::domain::{
    Result,
    principal::Actor,
    prompts::{PromptFields, Schema},
};
use serde_json::{Value, json};

pub(super) async fn load(services: &Services) -> Result<()> {
    for (slug, fields) in [(PROMPT, reply()), (FACTS_PROMPT, facts()), (SPARE, spare())] {
        let created = services.prompts.create(&Actor::operator(), Some(slug), fields).await;
        unless_there(created.map(drop))?;
    }
    Ok(())
}

fn reply() -> PromptFields {
    PromptFields {
        name: "Ticket reply".to_owned(),
        description: "Writes a reply to a support ticket.".to_owned(),
        system: "You answer customers of {{ product }}. Write in a {{ tone }} tone, in the language of the ticket. \
                 Promise nothing that the ticket does not ask about, and do not invent facts."
            .to_owned(),
        user: "Write a reply to this ticket, at most 120 words, without a subject line.\n{{ document }}".to_owned(),
        variables: schema(&json!({
            "type": "object",
            "properties": {
                "tone": {"type": "string", "enum": ["friendly", "formal", "brief"]},
                "product": {"type": "string", "minLength": 1, "maxLength": 100}
            },
            "required": ["tone", "product"],
            "additionalProperties": false
        })),
        max_output_tokens: Some(400),
        temperature: Some(0.4),
        ..PromptFields::default()
    }
}

fn facts() -> PromptFields {
    PromptFields {
        name: "Ticket facts".to_owned(),
        description: "Takes out of a ticket what a form would ask for.".to_owned(),
        system: "You read a support ticket and answer with JSON only. Say only what the ticket says.".to_owned(),
        user: "Which product is the ticket about, how urgent is it, and what does the customer want?\n{{ document }}"
            .to_owned(),
        variables: schema(&json!({"type": "object", "properties": {}, "additionalProperties": false})),
        output_schema: Some(schema(&json!({
            "type": "object",
            "properties": {
                "product": {"type": "string", "maxLength": 200},
                "urgency": {"type": "string", "enum": ["low", "normal", "high"]},
                "customer_wants": {"type": "string", "maxLength": 500}
            },
            "required": ["product", "urgency", "customer_wants"],
            "additionalProperties": false
        }))),
        max_output_tokens: Some(300),
        temperature: Some(0.0),
    }
}

fn spare() -> PromptFields {
    PromptFields {
        name: "Spare".to_owned(),
        description: "Here to try changing and deleting with.".to_owned(),
        user: "Write a title for this text.\n{{ document }}".to_owned(),
        variables: schema(&json!({"type": "object"})),
        ..PromptFields::default()
    }
}

fn schema(value: &Value) -> Schema {
    value.as_object().cloned().unwrap_or_default()
}
