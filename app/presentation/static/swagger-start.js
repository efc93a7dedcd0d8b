// Without this, opening "Authorize" jumps past user name and password to the last field.
const keepPlace = (system) => ({
  wrapComponents: {
    Input: (Input) => (props) => system.React.createElement(Input, { ...props, autoFocus: false }),
  },
});

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  presets: [SwaggerUIBundle.presets.apis],
  plugins: [keepPlace],
  layout: "BaseLayout",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
