/* SPDX-License-Identifier: Apache-2.0 */
#include "core/registry.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define N_EXPERIMENTS (SCITAG_EXPERIMENT_MAX + 1)
#define N_ACTIVITIES (SCITAG_ACTIVITY_MAX + 1)

/* Names are the JSON's own strings; where an id has none, NULL. */
struct registry {
	json_t *json;
	const char *modified;
	const char *experiments[N_EXPERIMENTS];
	const char **activities[N_EXPERIMENTS]; /* N_ACTIVITIES each */
};

void registry_free(struct registry *registry)
{
	if (!registry)
		return;
	for (size_t i = 0; i < N_EXPERIMENTS; i++)
		free(registry->activities[i]);
	json_decref(registry->json);
	free(registry);
}

/* ---- looking up ---- */

const char *registry_modified(const struct registry *registry)
{
	return registry->modified;
}

const char *registry_experiment_name(const struct registry *registry, uint16_t experiment)
{
	return experiment < N_EXPERIMENTS ? registry->experiments[experiment] : NULL;
}

const char *registry_activity_name(const struct registry *registry, uint16_t experiment,
				   uint8_t activity)
{
	if (!registry_experiment_name(registry, experiment) || activity >= N_ACTIVITIES)
		return NULL;
	return registry->activities[experiment][activity];
}

/* ASCII only, whatever the locale: the API knows no other case. */
static int lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static bool equal_but_case(const char *a, const char *b)
{
	while (*a && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return lower(*a) == lower(*b);
}

static int find_name(const char *const *names, size_t count, const char *name)
{
	int found = -ENOENT;

	for (size_t id = 0; id < count; id++)
		if (names[id] && strcmp(names[id], name) == 0)
			return (int)id;
	for (size_t id = 0; id < count; id++)
		if (names[id] && equal_but_case(names[id], name))
			found = found == -ENOENT ? (int)id : -ENOTUNIQ;
	return found;
}

int registry_find_experiment(const struct registry *registry, const char *name)
{
	return find_name(registry->experiments, N_EXPERIMENTS, name);
}

int registry_find_activity(const struct registry *registry, uint16_t experiment,
			   const char *name)
{
	if (!registry_experiment_name(registry, experiment))
		return -ENOENT;
	return find_name(registry->activities[experiment], N_ACTIVITIES, name);
}

int registry_each(const struct registry *registry,
		  int (*each)(uint16_t experiment, const char *experiment_name,
			      uint8_t activity, const char *activity_name, void *user),
		  void *user)
{
	for (uint16_t e = 0; e < N_EXPERIMENTS; e++)
		for (uint8_t a = 0; registry->experiments[e] && a < N_ACTIVITIES; a++) {
			const char *name = registry->activities[e][a];
			int r = name ? each(e, registry->experiments[e], a, name, user) : 0;

			if (r != 0)
				return r;
		}
	return 0;
}

/* ---- reading ---- */

/* Where in the file, for the fault: "experiments[3].activities[2]". */
struct place {
	char text[64];
	struct fault *fault;
};

#define REFUSE(fault, ...) fault_invalid(fault, FAULT_REASON_REGISTRY, NULL, __VA_ARGS__)

static int read_id(const json_t *object, const char *key, int min, int max,
		   const struct place *place, int *ret)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value))
		return REFUSE(place->fault, "%s.%s: must be an integer", place->text, key);
	if (json_integer_value(value) < min || json_integer_value(value) > max)
		return REFUSE(place->fault, "%s.%s %lld: not in %d..%d", place->text, key,
			      (long long)json_integer_value(value), min, max);
	*ret = (int)json_integer_value(value);
	return 0;
}

static int read_name(const json_t *object, const char *key, const struct place *place,
		     const char **ret)
{
	const char *name = json_string_value(json_object_get(object, key));

	if (!name)
		return REFUSE(place->fault, "%s.%s: must be a string", place->text, key);
	if (!name[0] || strlen(name) > REGISTRY_NAME_MAX)
		return REFUSE(place->fault, "%s.%s of %zu octets: not in 1..%d", place->text,
			      key, strlen(name), REGISTRY_NAME_MAX);
	*ret = name;
	return 0;
}

/* Gives the id of an object in an array its name, once. */
static int read_entry(const json_t *object, const char *id_key, const char *name_key,
		      const char **names, int min, int max, const struct place *place,
		      int *ret_id)
{
	const char *name;
	int id;
	int r;

	if (!json_is_object(object))
		return REFUSE(place->fault, "%s: must be an object", place->text);
	r = read_id(object, id_key, min, max, place, &id);
	if (r == 0)
		r = read_name(object, name_key, place, &name);
	if (r < 0)
		return r;
	if (names[id])
		return REFUSE(place->fault, "%s.%s %d: \"%s\" has this id already", place->text,
			      id_key, id, names[id]);
	for (int other = min; other <= max; other++)
		if (names[other] && strcmp(names[other], name) == 0)
			return REFUSE(place->fault, "%s.%s \"%s\": %d has this name already",
				      place->text, name_key, name, other);
	names[id] = name;
	*ret_id = id;
	return 0;
}

static int read_activities(const json_t *activities, const char **names, size_t experiment,
			   struct fault *fault)
{
	struct place place = {.fault = fault};
	const json_t *activity;
	size_t i;
	int id;

	if (!json_is_array(activities))
		return REFUSE(fault, "experiments[%zu].activities: must be an array",
			      experiment);
	json_array_foreach (activities, i, activity) {
		int r;

		snprintf(place.text, sizeof(place.text), "experiments[%zu].activities[%zu]",
			 experiment, i);
		r = read_entry(activity, "activityId", "activityName", names, 0,
			       SCITAG_ACTIVITY_MAX, &place, &id);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_experiment(struct registry *registry, const json_t *experiment, size_t i,
			   struct fault *fault)
{
	struct place place = {.fault = fault};
	int r, id;

	snprintf(place.text, sizeof(place.text), "experiments[%zu]", i);
	r = read_entry(experiment, "expId", "expName", registry->experiments, 1,
		       SCITAG_EXPERIMENT_MAX, &place, &id);
	if (r < 0)
		return r;
	registry->activities[id] = calloc(N_ACTIVITIES, sizeof(char *));
	if (!registry->activities[id])
		return -ENOMEM;
	return read_activities(json_object_get(experiment, "activities"),
			       registry->activities[id], i, fault);
}

static int read_registry(struct registry *registry, struct fault *fault)
{
	const json_t *experiments = json_object_get(registry->json, "experiments");
	const json_t *modified = json_object_get(registry->json, "modified");
	const json_t *experiment;
	size_t i;

	if (!json_is_object(registry->json))
		return REFUSE(fault, "a registry must be a JSON object");
	if (!json_is_array(experiments))
		return REFUSE(fault, "experiments: must be an array");
	if (modified && !json_is_string(modified))
		return REFUSE(fault, "modified: must be a string");
	registry->modified = modified ? json_string_value(modified) : "";
	json_array_foreach (experiments, i, experiment) {
		int r = read_experiment(registry, experiment, i, fault);

		if (r < 0)
			return r;
	}
	return 0;
}

static int refuse_json(const json_error_t *error, struct fault *fault)
{
	if (json_error_code(error) == json_error_out_of_memory)
		return -ENOMEM;
	return REFUSE(fault, "line %d, column %d: %s", error->line, error->column, error->text);
}

int registry_parse(const char *json, size_t length, struct registry **ret, struct fault *fault)
{
	struct registry *registry = calloc(1, sizeof(*registry));
	json_error_t error;
	int r;

	if (!registry)
		return -ENOMEM;
	registry->json = json_loadb(json, length, JSON_REJECT_DUPLICATES, &error);
	r = registry->json ? read_registry(registry, fault) : refuse_json(&error, fault);
	if (r < 0)
		registry_free(registry);
	else
		*ret = registry;
	return r;
}
