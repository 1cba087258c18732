from __future__ import annotations

from typing import Any

from rest_framework import serializers
from typing_extensions import override

from accounts.models import ApiToken, AuditEntry, Membership, Organization, Team
from accounts.scope import Permission, Role


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields it does not know, naming them, instead of dropping them."""

    @override
    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            writable = {n for n, f in self.fields.items() if not f.read_only}
            unknown = sorted(set(data) - set(self.fields))
            if unknown:
                known = ", ".join(sorted(writable))
                raise serializers.ValidationError(
                    {name: [f"Unknown field; known: {known}."] for name in unknown}
                )
        return super().to_internal_value(data)


class StrictModelSerializer(StrictSerializer, serializers.ModelSerializer[Any]):
    """A model's serializer that refuses unknown fields."""


class OrganizationSerializer(serializers.ModelSerializer[Organization]):
    class Meta:
        model = Organization
        fields = ["id", "name", "slug", "created_at", "max_series", "max_streams"]


class TeamSerializer(StrictModelSerializer):
    class Meta:
        model = Team
        fields = ["id", "name", "slug", "created_at"]
        read_only_fields = ["created_at"]


class MemberSerializer(serializers.ModelSerializer[Membership]):
    id = serializers.IntegerField(source="user_id")
    email = serializers.EmailField(source="user.email")
    name = serializers.CharField(source="user.name")
    role = serializers.SerializerMethodField()

    class Meta:
        model = Membership
        fields = ["id", "email", "name", "role", "created_at"]

    def get_role(self, membership: Membership) -> str:
        return Role(membership.role).name.lower()


class TokenSerializer(StrictModelSerializer):
    """`token` is in the answer to its creation and never again."""

    token = serializers.CharField(read_only=True, required=False)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=[p.value for p in Permission]),
        source="permissions",
        allow_empty=False,
    )
    team = serializers.SlugRelatedField(
        slug_field="slug",
        queryset=Team.unscoped.none(),
        required=False,
        allow_null=True,
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True)

    class Meta:
        model = ApiToken
        fields = [
            "id",
            "name",
            "prefix",
            "scopes",
            "team",
            "created_at",
            "expires_at",
            "revoked_at",
            "last_used_at",
            "token",
        ]
        read_only_fields = ["prefix", "created_at", "revoked_at", "last_used_at"]

    @override
    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        if "scope" in self.context:
            team: Any = fields["team"]
            team.queryset = Team.objects.visible_to(self.context["scope"])
        return fields


class AuditEntrySerializer(serializers.ModelSerializer[AuditEntry]):
    class Meta:
        model = AuditEntry
        fields = [
            "id",
            "sequence",
            "at",
            "actor_kind",
            "actor_id",
            "actor_name",
            "ip",
            "action",
            "object_type",
            "object_id",
            "object_name",
            "before",
            "after",
            "previous_hash",
            "hash",
        ]


class MeSerializer(serializers.Serializer[Any]):
    """Who the caller is here, and what they may do."""

    actor = serializers.CharField(source="actor.name")
    kind = serializers.CharField(source="actor.kind")
    organization = serializers.CharField(source="organization_slug")
    role = serializers.SerializerMethodField()
    scopes = serializers.SerializerMethodField()
    teams = serializers.SerializerMethodField()

    def get_role(self, scope: Any) -> str:
        return scope.role.name.lower()  # type: ignore[no-any-return]

    def get_scopes(self, scope: Any) -> list[str]:
        return sorted(scope.permissions)

    def get_teams(self, scope: Any) -> dict[str, str]:
        return {str(k): v.name.lower() for k, v in scope.team_roles.items()}
